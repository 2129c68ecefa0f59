"""Encode a list by a small transformer, in which the objects attend to one another (A. Vaswani et al., 2017)."""

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from lineshape.engine.learning.blocks.scaling import Scaling
from lineshape.engine.learning.roles.encoder import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class Transformer(Encoder):
    """Self-attention over the objects and one learnable token, whose encoding is the output."""

    size: Annotated[int, Field(gt=0)] = 32
    """Width of each object's embedding and of the output; a multiple of `heads`. The feed-forward layers are twice as
    wide.
    """
    heads: Annotated[int, Field(gt=0)] = 2
    """Number of attention heads in each block."""
    blocks: Annotated[int, Field(gt=0)] = 2
    """Number of transformer blocks (self-attention and feed-forward layers), one after the other."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout probability inside the blocks; 0 for none."""

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.size % self.heads:
            raise ValueError(f"size ({self.size}) must be a multiple of heads ({self.heads})")
        return self

    @property
    def width(self) -> int:
        """Width of the token's encoding."""
        return self.size

    def build(self, scaling: Scaling) -> "nn.Module":
        """Return a module of scaling, a linear embedding and the transformer blocks."""
        import torch
        from torch import nn

        from lineshape.engine.learning.blocks.layers import InputLayer

        class Module(nn.Module):
            def __init__(self, settings: Transformer) -> None:
                super().__init__()
                self.inputs = InputLayer(scaling)
                self.embed = nn.Linear(len(scaling.logarithm), settings.size)
                self.token = nn.Parameter(torch.zeros(1, 1, settings.size))
                block = nn.TransformerEncoderLayer(
                    settings.size,
                    settings.heads,
                    2 * settings.size,
                    settings.dropout,
                    batch_first=True,
                    norm_first=True,
                )
                self.blocks = nn.TransformerEncoder(block, settings.blocks, enable_nested_tensor=False)

            def forward(self, objects: "Sequence") -> "Tensor":
                # The token is always there, so that an empty list has something to attend to.
                token = self.token.expand(objects.mask.shape[0], -1, -1)
                embedded = torch.cat([token, self.embed(self.inputs(objects.values))], dim=1)
                away = torch.cat([torch.zeros_like(objects.mask[:, :1]), ~objects.mask], dim=1)
                encoded: Tensor = self.blocks(embedded, src_key_padding_mask=away)
                return encoded[:, 0]

        return Module(self)
