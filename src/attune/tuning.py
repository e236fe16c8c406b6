"""The model that is trained: loaded once for what it can do before, for the training, and for what it can do after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.data.split import Splits
from attune.prepare import Prepared

if TYPE_CHECKING:
    import torch

    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.tasks.task import Asking
    from attune.train.device import Masters


@dataclass(frozen=True)
class Tuning:
    """A model made trainable by the recipe's method, and the masters of what is trained in it."""

    prepared: Prepared
    model: LoadedModel
    masters: Masters

    @classmethod
    def load(cls, prepared: Prepared) -> Tuning:
        """Load the recipe's model in the precision of its arithmetic.

        Raises:
            ModelError: it cannot be loaded, or the method does not fit it.
        """
        from attune.train.device import Masters

        model = _trainable(prepared)
        if prepared.recipe.training.activation_checkpointing:
            model.checkpoint_activations()
        return cls(prepared, model, Masters(model.module, arithmetic(prepared)))

    def save(self, folder: Path) -> None:
        """Write the trained model, or its adapter, as it is without any rounding for computing.

        Raises:
            EnvironmentFault: the disk is full, or the folder may not be written.
        """
        from attune.model import serving
        from attune.model.adapt import save

        prepared, model = self.prepared, self.model
        if prepared.recipe.method.kind in ("head", "top") or prepared.model.adapter:
            model = _trainable(prepared)  # what was not trained was rounded, and is saved too
            self.masters.copy_into(model.module)
        else:
            self.masters.unround()
        save(model, folder, prepared.model.dtype(), chat=prepared.task.name == "chat")
        if prepared.prompt:
            serving.write(folder, prepared.prompt, prepared.task.shape)

    @property
    def carries_adapter(self) -> bool:
        """Whether the base's weights are still in the model, beside what was trained."""
        return hasattr(self.model.module, "disable_adapter") and self.prepared.model.adapter is None

    def reload(self, folder: Path) -> LoadedModel:
        """The model with the adapter that was saved: the base's weights are not loaded again.

        Raises:
            ModelError: the saved folder is damaged.
        """
        from attune.model.adapt import reload_adapter
        from attune.model.source import resolve

        assert self.carries_adapter
        reload_adapter(self.model, resolve(str(folder)))
        return self.model


def answers_to_beat(
    prepared: Prepared, tuning: Tuning | None, splits: Splits, asking: Asking
) -> tuple[list[Prediction], dict[str, Any]]:
    """What the model, or a simple rule, makes of the test rows without training; see `Task.baseline`.

    Args:
        tuning: a model that still holds the base's weights, if there is one in memory.
    """
    from attune.model.adapt import without_adapter
    from attune.model.loaded import SeesAheadError

    task = prepared.task
    if not prepared.model.generates:
        return task.baseline(None, splits, asking)
    if tuning is not None and task.head == "causal":
        model = tuning.model
        with without_adapter(model):
            return task.baseline(lambda: model, splits, asking)

    try:
        return task.baseline(lambda: load_base(prepared), splits, asking)
    except SeesAheadError:
        if task.head == "causal":
            raise
        return task.baseline(None, splits, asking)


def load_base(prepared: Prepared) -> LoadedModel:
    """The recipe's model as it is before training, predicting tokens."""
    from attune.model.load import load
    from attune.train.device import device

    dtype, seed = arithmetic(prepared), prepared.recipe.training.seed
    return load(prepared.model, init=prepared.recipe.method.init, dtype=dtype, seed=seed).to(device())


def arithmetic(prepared: Prepared) -> torch.dtype:
    """What the recipe computes in."""
    from attune.train.device import DTYPES

    return DTYPES[prepared.recipe.training.precision or "fp32"]


def _trainable(prepared: Prepared) -> LoadedModel:
    from attune.model.adapt import adapt, merge
    from attune.model.load import load
    from attune.train.device import device

    recipe, task = prepared.recipe, prepared.task
    model = load(prepared.model, head=task.head, labels=task.labels, init=recipe.method.init, seed=recipe.training.seed)
    merge(model)  # tuning goes on from what an adapter made of its base
    model.to(device())
    adapt(model, recipe.method, recipe.training.seed)
    return model
