"""GPT: a transformer that predicts the next token and writes texts by taking its own predictions as input."""

from __future__ import annotations

import math
from typing import Any

import tapegraph as tg
from engine.errors import ArgumentError
from tapegraph import nn
from tapegraph.function import function

F = nn.functional


class CausalSelfAttention(nn.Module):
    """Attention of ``heads`` heads of each place to itself and those before it: [n, time, width] to the same."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ArgumentError(f"{heads} heads do not divide {width} features", op="CausalSelfAttention")
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, x: Any) -> tuple[Any, Any, Any]:
        """Query, key and value of each place and head, each [n, heads, time, width / heads]."""
        n, time, width = x.shape
        parts = tg.reshape(self.qkv(x), (n, time, 3, self.heads, width // self.heads))
        query, key, value = tg.unstack(tg.permute_dims(parts, (2, 0, 3, 1, 4)))
        return query, key, value

    def join(self, y: Any) -> Any:
        """The heads side by side again, through a linear layer: [n, heads, time, size] to [n, time, heads * size]."""
        n, heads, time, size = y.shape
        return self.out(tg.reshape(tg.permute_dims(y, (0, 2, 1, 3)), (n, time, heads * size)))

    def forward(self, x: Any) -> Any:
        p = self.dropout if self.training else 0.0
        return self.join(F.scaled_dot_product_attention(*self.split(x), dropout_p=p, is_causal=True))


class Block(nn.Module):
    """Attention, then two linear layers with gelu between them; each is given a normalised x and added to it."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.rise = nn.Linear(width, 4 * width)
        self.fall = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def feed(self, x: Any) -> Any:
        """The second half of the block."""
        return x + self.dropout(self.fall(F.gelu(self.rise(self.norm2(x)))))

    def forward(self, x: Any) -> Any:
        return self.feed(x + self.dropout(self.attention(self.norm1(x))))


class GPT(nn.Module):
    """Scores of the next token at each place: tokens [n, time] to [n, time, vocabulary], time at most ``context``.

    Learned positions; the weight of the embedding is also that of the last layer (Press and Wolf 2017). Weights are
    drawn from a normal distribution of deviation 0.02, those that end in the residual stream divided by the root of
    their number. Raises IndexRangeError for a token outside the vocabulary, and for more places than the context has.

    Source: Radford et al. 2019, "Language models are unsupervised multitask learners" (GPT-2).
    """

    def __init__(
        self, vocabulary: int, context: int, width: int = 128, *, heads: int = 4, layers: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                ends = name.endswith(("attention.out.weight", "fall.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if ends else 0.02)

    def embed(self, tokens: Any, places: Any) -> Any:
        """Tokens [n, time] at places [time] as vectors [n, time, width]."""
        return self.dropout(self.tokens(tokens) + self.positions(places))

    def scores(self, x: Any) -> Any:
        """What the last block gave, as scores of each token of the vocabulary."""
        return F.linear(self.norm(x), self.tokens.weight)

    def forward(self, tokens: Any) -> Any:
        x = self.embed(tokens, tg.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.scores(x)

    @function
    def generate(self, prompt: Any, steps: int, temperature: float = 1.0, top_k: int | None = None) -> Any:
        """``steps`` tokens that follow a prompt: [n, time] to [n, time + steps], the prompt included.

        Each token is drawn by softmax(scores / temperature), from the ``top_k`` likeliest ones if that is given;
        temperature 0 takes the likeliest. The keys and values of the places so far are kept, so that a step computes
        one place only; in static mode all steps are one native loop, whatever the length of the prompt. Call ``eval()``
        first, or dropout is applied. Raises IndexRangeError where prompt and steps are more than the context.
        """
        time = prompt.shape[1]
        with tg.no_grad():
            x = self.embed(prompt, tg.arange(time))
            memory = []
            for block in self.blocks:
                query, key, value = block.attention.split(block.norm1(x))
                y = F.scaled_dot_product_attention(query, key, value, is_causal=True)
                x = block.feed(x + block.attention.join(y))
                memory.append([tg.pad(part, ((0, 0), (0, 0), (0, steps), (0, 0))) for part in (key, value)])

            def step(carry: Any, place: Any) -> Any:
                """The token after the one at ``place``, whose key and value are entered in the memory."""
                token, memory = carry
                x = self.embed(token[:, None], place[None])
                seen = tg.arange(time + steps) <= place
                after = []
                for block, (keys, values) in zip(self.blocks, memory, strict=True):
                    query, key, value = block.attention.split(block.norm1(x))
                    keys[:, :, place], values[:, :, place] = key[:, :, 0], value[:, :, 0]
                    y = F.scaled_dot_product_attention(query, keys, values, attn_mask=seen[None])
                    x = block.feed(x + block.attention.join(y))
                    after.append([keys, values])
                token = chosen(self.scores(x[:, 0]), temperature, top_k)
                return (token, after), token

            _, tokens = tg.scan(step, (prompt[:, -1], memory), tg.arange(time - 1, time + steps - 1))
            return tg.concat([prompt, tokens.T], axis=1)


def chosen(scores: Any, temperature: float = 1.0, top_k: int | None = None) -> Any:
    """Tokens [n] drawn by their scores [n, vocabulary]; see ``GPT.generate``."""
    if temperature == 0:
        return tg.argmax(scores, axis=-1)
    if top_k is not None:
        best, _ = tg.topk(scores, top_k)
        scores = tg.where(scores < best[:, -1:], -tg.inf, scores)
    return tg.categorical(scores / temperature)
