"""The architecture text of every policy family, from pickled config to policy spec.

The reference is pydantic: the text is printed from the living config by its own dump,
the spec by model_dump_json(); every byte of policy_spec.json must be the same.
"""

import dataclasses
import enum
import json
import math
import pickle
import random
import struct
import sys
import zipfile
from typing import Any, Literal

import pytest
from converter import PROJECT, convert

torch = pytest.importorskip("torch", reason="policies are pickled by torch")
pydantic = pytest.importorskip("pydantic", reason="configs are pydantic models")
pytest.importorskip("safetensors.torch")

sys.path[:0] = [str(PROJECT / "fixtures"), str(PROJECT / "tests" / "differential")]

import architectures  # noqa: E402
import reference  # noqa: E402
from framework import placed  # noqa: E402

VARIANTS = 40  # of each family, besides its defaults
FLOATS, FLOATS_A_FILE = 100_000, 25_000
CONFIGS = architectures.make_configs()
Config = type(CONFIGS["fast"]).__mro__[1]
Component = type(CONFIGS["fast"].action_probs_config).__mro__[1]
SerializeAsAny = pydantic.SerializeAsAny


@placed("metta.agent.components.transformers")
@dataclasses.dataclass
class TRXLConfig:
    n_layers: int = 2
    memory_len: int | None = None
    dropout: float = 0.1
    nested: Any = None


@placed("metta.agent.components.transformers")
@dataclasses.dataclass
class TRXLNvidiaConfig(TRXLConfig):
    clamp_len: int = -1
    pre_lnorm: bool = False
    sizes: tuple = (16, 32.5, "w", None)


@placed("metta.agent.components.transformers")
@dataclasses.dataclass(slots=True)
class SlottedConfig:
    d_ff: int = 7
    scale: float = 1e-07


class Activation(str, enum.Enum):
    GELU = "gelu"
    TANH = "tanh's"


class Depth(enum.IntEnum):
    TWO = 2
    MANY = 2**40


class Kind(enum.Enum):
    """An enum over another type than str and int."""

    HALF = 0.5
    PAIR = (1, "b")


for kind in (Activation, Depth, Kind):
    placed("metta.agent.components.kinds")(kind)


@placed("cortex.config")
class CellConfig(pydantic.BaseModel):
    hidden_size: int | None = None


@placed("cortex.config")
class LSTMCellConfig(CellConfig):
    cell_type: Literal["lstm"] = "lstm"
    proj_size: int = 0


@placed("cortex.config")
class AxonCellConfig(CellConfig):
    cell_type: Literal["axon"] = "axon"
    r_max: float = 0.999
    activation: Activation = Activation.TANH


@placed("cortex.config")
class CortexBlockConfig(pydantic.BaseModel):
    cell: SerializeAsAny[CellConfig] | None = None


@placed("cortex.config")
class PostUpBlockConfig(CortexBlockConfig):
    proj_factor: float = 1.5
    experts: list[SerializeAsAny[CortexBlockConfig]] = []
    base_block: SerializeAsAny[CortexBlockConfig] | None = None


@placed("metta.agent.components.cortex")
class CortexStackConfig(Component):
    blocks: list[SerializeAsAny[CortexBlockConfig]] = []
    d_hidden: int = 16
    post_norm: bool = True


@placed("metta.agent.policies.sliding_transformer")
class SlidingTransformerConfig(Config):
    class_path: str = "metta.agent.policies.sliding_transformer.SlidingTransformer"
    components: tuple[SerializeAsAny[Component], ...] = ()
    embed_dim: int = 16
    activation: Activation = Activation.GELU
    depth: Depth = Depth.TWO
    kinds: dict[Depth, Kind] = {Depth.TWO: Kind.HALF, Depth.MANY: Kind.PAIR}
    windows: list[tuple[int, float | None]] = [(1, None), (2, 0.25)]
    names: frozenset[str] = frozenset(["obs"])
    anything: Any = None
    labels: dict[str, Any] = {"z": [1, {"y": (2,), "x": {}}], "é": None, "A": True}


@placed("metta.agent.policies.transformer")
class NestedTransformerConfig(Config):
    action_probs_config: None = None
    transformer: TRXLConfig | TRXLNvidiaConfig | SlottedConfig = TRXLConfig()


@placed("metta.agent.policies.bare")
class NothingConfig(pydantic.BaseModel):
    pass


@placed("metta.agent.policies.bare")
class OnlyClassPathConfig(pydantic.BaseModel):
    class_path: str = "metta.agent.policies.bare.Bare"


def cortex_stack():
    lstm, axon = LSTMCellConfig(hidden_size=3), AxonCellConfig()
    expert = CortexBlockConfig(cell=lstm)
    block = PostUpBlockConfig(cell=axon, experts=[expert], base_block=expert)
    return CortexStackConfig(name="core", blocks=[block, CortexBlockConfig()])


FAMILIES = {
    **{name: CONFIGS[name] for name in ("fast", "vit", "puffer", "transformer")},
    "vit with cortex": CONFIGS["vit"].model_copy(
        update={"components": [*CONFIGS["vit"].components, cortex_stack()]}
    ),
    "sliding": SlidingTransformerConfig(components=(cortex_stack(),)),
    "sliding, anything": SlidingTransformerConfig(
        anything=[cortex_stack(), {"cell": AxonCellConfig()}]
    ),
    "trxl": NestedTransformerConfig(transformer=TRXLConfig(nested=TRXLConfig())),
    "nvidia": NestedTransformerConfig(transformer=TRXLNvidiaConfig()),
    "slots": NestedTransformerConfig(transformer=SlottedConfig()),
    "no fields": NothingConfig(),
    "only a class path": OnlyClassPathConfig(),
}


@placed("metta.agent.policies.any")
class AnyPolicy(torch.nn.Module):
    """What keeps a config; ExternalPolicyWrapper and MockAgent keep none."""

    def __init__(self, config):
        super().__init__()
        self.actor = torch.nn.Linear(1, 1)
        self.config = config


# ---- random values ----


def random_float(r):
    value = math.nan
    while not math.isfinite(value):
        value = struct.unpack("<d", r.randbytes(8))[0]
    return r.choice([value, value, r.uniform(-10, 10), float(r.randint(-5, 5)), -0.0])


def random_text(r):
    ranges = [(0, 0x7F), (0x20, 0x7E), (0x80, 0x2FFF), (0x1F300, 0x1F6FF), (39, 39)]
    return "".join(chr(r.randint(*r.choice(ranges))) for _ in range(r.randint(0, 9)))


def varied(value, r, protocol):
    """A value of the same types, else at random."""
    again = lambda item: varied(item, r, protocol)  # noqa: E731
    if isinstance(value, pydantic.BaseModel):
        fields = {name: again(item) for name, item in vars(value).items()}
        for name in ("class_path", "cell_type"):
            fields.pop(name, None)
        return value.model_copy(update=fields)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        fields = {name: again(getattr(value, name)) for name in names}
        return dataclasses.replace(value, **fields)
    if isinstance(value, enum.Enum):
        return r.choice(list(type(value)))
    if isinstance(value, dict):
        return {
            random_text(r) if type(key) is str else key: again(item)
            for key, item in value.items()
        }
    if isinstance(value, (set, frozenset)):
        # From protocol 4 on a pickle no longer has the order that the writer's set had.
        count = r.randint(0, 4) if protocol < 4 else r.randint(0, 1)
        return type(value)(random_text(r) for _ in range(count))
    if isinstance(value, (list, tuple)):
        return type(value)(again(item) for item in value)
    makers = {
        bool: lambda: r.random() < 0.5,
        int: lambda: r.randint(-(10 ** r.randint(0, 30)), 10 ** r.randint(0, 30)),
        float: lambda: random_float(r),
        str: lambda: random_text(r),
    }
    return makers.get(type(value), lambda: value)()


# ---- files ----


def archive(policy, path, protocol):
    torch.save(policy, path, pickle_protocol=protocol)


def stream(policy, path, protocol):
    torch.save(
        policy, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False
    )


def policy_zip(policy, path, protocol):
    inner = path.with_suffix(".inner")
    archive(policy, inner, protocol)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(inner, "policy.pt")
    inner.unlink()


def plain_pickle(policy, path, protocol):
    path.write_bytes(pickle.dumps(policy, protocol))


CONTAINERS = [archive, archive, policy_zip, stream, plain_pickle]


class Tree:
    """Policies with configs, and the specs that they must become."""

    def __init__(self, directory):
        self.directory = directory
        self.specs = []
        (directory / "in").mkdir()

    def add(self, config, container=archive, protocol=2):
        path = self.directory / "in" / f"r:v{len(self.specs)}.pt"
        container(AnyPolicy(config), path, protocol)
        text = architectures.to_spec(config)
        self.specs.append(reference.checkpoint_spec(text).model_dump_json())

    def check(self):
        run = convert(self.directory, "in", "-o", "out", "--jsonl")
        assert run.exit == 0, run.stderr
        for number, spec in enumerate(self.specs):
            got = self.directory / "out" / f"r:v{number}" / "policy_spec.json"
            assert got.read_text("utf-8") == spec, number
        for row in run.rows().values():
            assert row["architecture"] == "pickled config" and row["notes"] == [], row


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_family(tmp_path, family):
    """Its defaults in every container and by every protocol, then random values."""
    r = random.Random(family)
    tree = Tree(tmp_path)
    for container in CONTAINERS:
        for protocol in (2, 3, 4, 5):
            tree.add(FAMILIES[family], container, protocol)
    for _ in range(VARIANTS):
        protocol = r.choice([2, 2, 3, 4, 5])
        config = varied(FAMILIES[family], r, protocol)
        tree.add(config, r.choice(CONTAINERS), protocol)
    tree.check()


def test_floats(tmp_path):
    """As Python prints them: the fewest digits that read back the same."""
    r = random.Random(5)
    tree = Tree(tmp_path)
    for _ in range(FLOATS // FLOATS_A_FILE):
        values = [random_float(r) for _ in range(FLOATS_A_FILE)]
        tree.add(SlidingTransformerConfig(anything=values))
    tree.check()


@pytest.mark.parametrize("config", [None, "text", {"a": 1}, TRXLConfig()])
def test_no_config(tmp_path, config):
    """A policy without a config of the framework's kind needs a text from the user."""
    torch.save(AnyPolicy(config), tmp_path / "r:v1.pt")
    run = convert(tmp_path, "r:v1.pt", "-o", "out", "--jsonl")
    (row,) = run.rows().values()
    assert row["status"] == "failed" and "--architecture" in row["reason"]
    options = ["--architecture", "a.B(c=1)"]
    run = convert(tmp_path, "r:v1.pt", "-o", "out", "--jsonl", *options)
    spec = json.loads((tmp_path / "out" / "r:v1" / "policy_spec.json").read_text())
    assert spec["init_kwargs"]["architecture_spec"] == "a.B(c=1)"


@pytest.mark.parametrize("value", [math.inf, [-math.inf], {"a": math.nan}])
def test_no_literal(tmp_path, value):
    """What the framework prints for these it cannot read itself."""
    config = SlidingTransformerConfig(anything=value)
    torch.save(AnyPolicy(config), tmp_path / "r:v1.pt")
    run = convert(tmp_path, "r:v1.pt", "-o", "out", "--jsonl")
    (row,) = run.rows().values()
    assert row["status"] == "failed" and "--architecture" in row["reason"]
    assert any("no literal for" in note for note in row["notes"]), row
