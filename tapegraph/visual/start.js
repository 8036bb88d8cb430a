// Mounts the pictures of a page that were made with this text of the renderer.

/** Each element of a picture holds its scene and options, packed, in a script; mounted ones are left alone. */
async function mountAll(code, style) {
  for (const host of document.querySelectorAll(`.tapegraph-picture[data-code="${code}"]:not([data-mounted])`)) {
    host.dataset.mounted = "soon";
    const { scene, options } = JSON.parse(await window.tapegraphUnpack(host.querySelector("script").textContent.trim()));
    mount(host, scene, options, style);
    host.dataset.mounted = "yes";
  }
}
