"""Where a model comes from: a hub id, a folder, a run's model or the embedded base; found and verified, not loaded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from attune.errors import EnvironmentFault, ModelError
from attune.model.folder import VerifiedFolder, verify
from attune.recipe import EMBEDDED, spelled_out

if TYPE_CHECKING:
    import torch

HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
STORED_DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A verified place that a model can be loaded from.

    Attributes:
        name: what to call it in front of a person.
        folder: the model folder (for an adapter: the base's).
        adapter: folder of a LoRA adapter to put on it, or None.
    """

    name: str
    folder: Path
    architecture: str
    weight_files: tuple[Path, ...]
    adapter: Path | None = None

    @property
    def tokenizer_folder(self) -> Path:
        """Where tokenizer and template are read from: what was saved last."""
        return self.adapter or self.folder

    @property
    def generates(self) -> bool:
        """Its class predicts next tokens, so it can be asked for text without training."""
        names = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
        return self.architecture.endswith(names) and not self.rewrites

    @property
    def rewrites(self) -> bool:
        """Its class is an encoder with a decoder: it writes one text for another, and has no next token of its own."""
        from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES as NAMES

        return self.architecture in NAMES.values()

    def fingerprint(self) -> str:
        """Hash of config, tokenizer and weights."""
        digest = hashlib.sha256()
        folders = [self.folder, *([self.adapter] if self.adapter else [])]
        for folder in folders:
            for path in sorted(folder.iterdir()):
                if path.suffix in {".json", ".safetensors", ".jinja", ".model", ".txt"} and path.is_file():
                    digest.update(path.name.encode())
                    with path.open("rb") as stream:
                        digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def dtype(self) -> torch.dtype:
        """The precision that the weights are stored in (that of the config where there are none yet)."""
        import torch

        for path in self.weight_files:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - not a mapping
                    dtype = tensors.get_slice(name).get_dtype()
                    if dtype in STORED_DTYPES:
                        return getattr(torch, STORED_DTYPES[dtype])  # type: ignore[no-any-return]
        named = getattr(config_of(self), "dtype", None)
        return named if isinstance(named, torch.dtype) else torch.float32


def resolve(reference: str | None, *, run_model: Path | None = None, weights: bool = True) -> ModelSource:
    """Find and verify the model that `reference` names; nothing is loaded yet.

    Args:
        reference: None for the embedded base, a folder, or a hub id ("owner/name", optionally "@revision").
        run_model: the `model/` folder of the run that `reference` names, when it names one.
        weights: False accepts a folder of config and tokenizer alone (random initialisation).

    Raises:
        ModelError: the folder is unsafe, damaged or missing.
        EnvironmentFault: the hub cannot be reached.
    """
    if reference is None or reference == EMBEDDED:
        return _from_folder(EMBEDDED, embedded_folder(), weights=True)
    folder = run_model or spelled_out(reference)
    if folder.is_dir():
        return _from_folder(reference, folder, weights)
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", reference):
        return _from_folder(reference, _download(reference), weights)
    raise ModelError("there is no such model", where=reference, fix="give a folder, a run, or a hub id owner/name")


def embedded_folder() -> Path:
    """Folder of the small base model that the package carries."""
    return Path(str(resources.files("attune") / "assets" / "base"))


def weight_bytes(reference: str | None, *, run_model: Path | None = None) -> int:
    """Size of the weight files that `reference` names, as far as they are on this machine; nothing is verified."""
    embedded = reference is None or reference == EMBEDDED
    folder = embedded_folder() if embedded else run_model or spelled_out(str(reference))
    try:
        return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    except OSError:  # what is wrong with the folder is told when it is verified
        return 0


def config_of(source: ModelSource) -> Any:
    """The transformers config of a verified model.

    Raises:
        ModelError: transformers does not know it.
    """
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(
            str(source.folder), trust_remote_code=False, local_files_only=True
        )
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise ModelError(
            f"transformers does not know this config: {str(error).strip().splitlines()[0]}",
            where=str(source.folder / "config.json"),
            fix="the architecture must be one that ships with transformers",
        ) from error


def _from_folder(name: str, folder: Path, weights: bool) -> ModelSource:
    verified: VerifiedFolder = verify(folder, weights=weights)
    if verified.kind == "model":
        return ModelSource(name, verified.path, verified.architecture, verified.weight_files)
    if not verified.base:
        raise ModelError("the adapter does not say which base it belongs to", where=str(folder), fix="name the base")
    # The embedded base moves with the package: an adapter that was trained elsewhere finds it all the same.
    moved = not Path(verified.base).exists() and Path(verified.base).parts[-3:] == embedded_folder().parts[-3:]
    base = resolve(None if moved else verified.base)
    return ModelSource(name, base.folder, base.architecture, base.weight_files, adapter=verified.path)


def _download(reference: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = reference.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise EnvironmentFault(
            f"the hub did not give the model: {str(error).strip().splitlines()[0]}",
            where=reference,
            fix="check the name and the network, or give a local folder",
        ) from error
