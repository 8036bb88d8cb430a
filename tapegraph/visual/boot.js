// Unpacks the renderer and runs it: text compressed by gzip in base64, so that notebooks with many pictures stay small.
window.tapegraphUnpack = (text) => new Response(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
window.tapegraphUnpack("PACKED").then((code) => {
  const script = document.createElement("script");
  script.textContent = code;
  document.head.append(script);
});
