"""Others' weights: Keras files against a forward pass written in numpy, PyTorch files under all their names, traps."""

import json
import os
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import initial_state, network
from clew.training.importing import read_weights
from clew.training.importing.fitting import fit_foreign
from clew.training.importing.names import renamed, shared_prefix
from clew.training.importing.torch_file import load_weights
from clew.training.score import fake_probability

SIZE = 64  # leaves 2x2 maps before the flatten, so that its order shows
NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def keras_meso4(rng, classes=1, size=SIZE, first=9):
    """The layers of a Keras Meso4 as they are made: [(name, {role: array})]; the numbers pass from one digit to two."""
    layers = []
    shapes = [(3, 3, 3, 8), (5, 5, 8, 8), (5, 5, 8, 16), (5, 5, 16, 16)]
    for number, shape in enumerate(shapes, first):
        kernel = rng.normal(0, 0.2, shape).astype(np.float32)
        layers.append((f"conv2d_{number}", {"kernel": kernel, "bias": floats(rng, shape[3])}))
        norm = {role: floats(rng, shape[3]) for role in NORM}
        norm["moving_variance"] = norm["moving_variance"] ** 2 + np.float32(0.002)  # epsilon 1e-3 shows
        layers.append((f"batch_normalization_{number}", norm))
    for number, shape in enumerate([(16 * (size // 32) ** 2, 16), (16, classes)], first):
        layers.append((f"dense_{number}", {"kernel": floats(rng, *shape), "bias": floats(rng, shape[1])}))
    return layers


def floats(rng, *shape):
    return rng.normal(0, 0.5, shape).astype(np.float32)


def reference(layers, picture):
    """The Keras network's last outputs (K,) for a picture (H, W, 3) in [0, 1], in float64 and Keras' own orders."""
    maps = picture.astype(np.float64)
    arrays = [arrays for _, arrays in layers]
    for conv, norm, pool in zip(arrays[0:8:2], arrays[1:8:2], (2, 2, 2, 4), strict=True):
        half = conv["kernel"].shape[0] // 2
        padded = np.pad(maps, ((half, half), (half, half), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, conv["kernel"].shape[:2], (0, 1))
        maps = np.maximum(np.einsum("hwcij,ijco->hwo", windows, conv["kernel"]) + conv["bias"], 0)
        maps = (maps - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-3) * norm["gamma"] + norm["beta"]
        high, wide, channels = maps.shape
        maps = maps.reshape(high // pool, pool, wide // pool, pool, channels).max((1, 3))
    hidden = maps.reshape(-1) @ arrays[8]["kernel"] + arrays[8]["bias"]
    return np.where(hidden > 0, hidden, 0.1 * hidden) @ arrays[9]["kernel"] + arrays[9]["bias"]


def as_bytes(names):
    return np.array(names, np.bytes_)


def write_keras_2(path, layers, inside=None, listed=as_bytes, suffix=":0"):
    """As `save_weights` of Keras 2 does; `inside` a group it is a whole model's; `listed`: bytes, or text."""
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = listed(["input_1", *(name for name, _ in layers)])
        root.create_group("input_1").attrs["weight_names"] = []
        for name, arrays in layers:
            group = root.create_group(name)
            group.attrs["weight_names"] = listed([f"{name}/{role}{suffix}" for role in arrays])
            for role, array in arrays.items():
                group[f"{name}/{role}{suffix}"] = array
    return path


def write_keras_3(path, layers, keep_names=False, root="layers"):
    """As Keras 3 writes .weights.h5: groups are counted anew in the order given, arrays have numbers for names."""
    counts: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        file.create_group(f"{root}/input_layer/vars")
        for name, arrays in layers:
            base = name.rpartition("_")[0] if name[-1].isdigit() else name
            counts[base] = counts.get(base, -1) + 1
            group = file.create_group(f"{root}/{base}_{counts[base]}/vars" if counts[base] else f"{root}/{base}/vars")
            if keep_names:
                group.attrs["name"] = name
            for number, array in enumerate(arrays.values()):
                group[str(number)] = array
    return path


def config(name="meso4", size=SIZE, classes=2):
    return Config(name, size, classes)


def predicted(path, picture, name="meso4"):
    """Logits (K,) of imported weights for a picture (H, W, 3) in [0, 1]."""
    size = picture.shape[0]
    found = read_weights(path, config(name, size))
    module = network(config(name, size, found.classes))
    module.load_state_dict(found.state)
    with torch.inference_mode():
        return module.eval()(torch.from_numpy(picture).permute(2, 0, 1)[None].float())[0].numpy()


FORMS = {
    "save_weights": write_keras_2,
    "names as text": lambda path, layers: write_keras_2(path, layers, listed=list),
    "whole model": lambda path, layers: write_keras_2(path, layers, inside="model_weights"),
    "saved by Keras 3": lambda path, layers: write_keras_2(path, layers, suffix=""),
    "listed backwards": lambda path, layers: write_keras_2(path, layers[::-1]),
    ".weights.h5": write_keras_3,
    ".weights.h5 with names": lambda path, layers: write_keras_3(path, layers[::-1], keep_names=True),
    "TensorFlow 2.13": lambda path, layers: write_keras_3(path, layers, root="_layer_checkpoint_dependencies"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("classes", [1, 3])
def test_keras_weights_predict_as_in_numpy(form, classes, tmp_path):
    rng = np.random.default_rng(5)
    layers, picture = keras_meso4(rng, classes), rng.random((SIZE, SIZE, 3)).astype(np.float32)
    wanted = reference(layers, picture)
    logits = predicted(FORMS[form](tmp_path / "w.h5", layers), picture)
    assert np.ptp(wanted) > 0.1 or classes == 1
    np.testing.assert_allclose(logits, np.r_[wanted, 0] if classes == 1 else wanted, atol=2e-4, rtol=1e-4)


def test_one_logit_is_that_of_real(tmp_path):
    rng = np.random.default_rng(1)
    layers, picture = keras_meso4(rng), rng.random((SIZE, SIZE, 3)).astype(np.float32)
    real = 1 / (1 + np.exp(-reference(layers, picture)[0]))
    logits = predicted(write_keras_2(tmp_path / "w.h5", layers), picture)
    assert fake_probability(logits[None])[0] == pytest.approx(1 - real, abs=1e-4)


def test_a_name_without_a_number_is_the_first(tmp_path):
    rng = np.random.default_rng(2)
    layers = keras_meso4(rng, first=0)
    layers = [(name.removesuffix("_0"), arrays) for name, arrays in layers]
    picture = rng.random((SIZE, SIZE, 3)).astype(np.float32)
    got = predicted(write_keras_2(tmp_path / "w.h5", layers[::-1]), picture)
    np.testing.assert_allclose(got[0], reference(layers, picture)[0], atol=2e-4, rtol=1e-4)


def test_names_that_do_not_count_leave_the_order_of_the_file(tmp_path):
    rng = np.random.default_rng(3)
    layers = [(f"{chr(122 - i)}_{i % 2}", arrays) for i, (_, arrays) in enumerate(keras_meso4(rng))]  # z_0, y_1, x_0
    picture = rng.random((SIZE, SIZE, 3)).astype(np.float32)
    got = predicted(write_keras_2(tmp_path / "w.h5", layers), picture)
    np.testing.assert_allclose(got[0], reference(layers, picture)[0], atol=2e-4, rtol=1e-4)


def inception_layers(state, depth):
    """MesoInception4's layers as Keras has them: numbered as made; listed as made, or by `depth` as Keras lists them."""
    made, deep = [], []
    for block in (0, 1):
        start = f"inceptions.{block}.branches."
        made += [f"{start}{part}" for part in ("0.0", "1.0", "1.2", "2.0", "2.2", "3.0", "3.2")]
        deep += [f"{start}{part}" for part in ("1.0", "2.0", "3.0", "0.0", "1.2", "2.2", "3.2")]
    ends = ["blocks.0.0", "blocks.1.0"]
    numbers = {name: number for number, name in enumerate([*made, *ends], 1)}
    layers = []
    for name in [*(deep if depth else made), *ends]:
        kernel = state[f"{name}.weight"].permute(2, 3, 1, 0).numpy()
        layers.append((f"conv2d_{numbers[name]}", {"kernel": kernel, "bias": state[f"{name}.bias"].numpy()}))
    for number, name in enumerate(["inceptions.0.norm", "inceptions.1.norm", "blocks.0.2", "blocks.1.2"], 1):
        parts = ("weight", "bias", "running_mean", "running_var")
        arrays = {role: state[f"{name}.{part}"].numpy() for role, part in zip(NORM, parts, strict=True)}
        layers.append((f"batch_normalization_{number}", arrays))
    for number, name in enumerate(["hidden", "head"], 1):
        kernel = state[f"{name}.weight"].numpy().T
        layers.append((f"dense_{number}", {"kernel": kernel, "bias": state[f"{name}.bias"].numpy()}))
    return layers


@pytest.mark.parametrize(
    ("depth", "write"),
    [
        (True, write_keras_2),
        (False, write_keras_2),
        (True, write_keras_3),
        (True, lambda path, layers: write_keras_3(path, layers, keep_names=True)),
    ],
)
def test_branches_of_the_same_shape_are_told_apart(depth, write, tmp_path):
    state = random_state(Config("mesoinception4", 32, 1))  # 1x1 maps at the flatten: its order is not the question
    found = read_weights(write(tmp_path / "w.h5", inception_layers(state, depth)), Config("mesoinception4", 32))
    assert found.classes == 1
    assert_same(found.state, state)


def random_state(asked):
    """A state in which no two tensors are alike."""
    generator = torch.Generator().manual_seed(0)
    state = initial_state(asked, 0)
    return {
        name: torch.rand(value.shape, generator=generator) if value.dtype.is_floating_point else value
        for name, value in state.items()
    }


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name].dtype == wanted[name].dtype
        assert torch.equal(found[name], wanted[name]), name


def test_the_originals_own_answers(shared):
    folder = shared("mesonet")
    expected = json.loads((folder / "expected.json").read_text())
    for weights, name in (("Meso4_DF", "meso4"), ("MesoInception_DF", "mesoinception4")):
        for picture, real in expected[weights].items():
            image = cv2.imread(str(folder / picture))[:, :, ::-1].astype(np.float32) / 255
            logits = predicted(folder / f"{weights}.h5", np.ascontiguousarray(image), name)
            assert 1 - fake_probability(logits[None])[0] == pytest.approx(real, abs=1e-4)


# Keras files that are not what they seem


def spoiled_h5(tmp_path, change):
    path = write_keras_2(tmp_path / "w.h5", keras_meso4(np.random.default_rng(0)))
    with h5py.File(path, "a") as file:
        change(file, tmp_path)
    return path


def replaced(name, make):
    """A change that puts something else in the place of an array."""

    def change(file, folder):
        values = file[name][()]
        del file[name]
        make(file, name, values, folder)

    return change


def huge(file, name, values, folder):
    file.create_dataset(name, (*values.shape[:-1], 2**40), "f4", chunks=(1,) * values.ndim)


def elsewhere(file, name, values, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["a"] = values
    file[name] = h5py.ExternalLink(str(folder / "other.h5"), "/a")


def soft(file, name, values, folder):
    file["aside"] = values
    file[name] = h5py.SoftLink("/aside")


def virtual(file, name, values, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["a"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource(str(folder / "other.h5"), "a", values.shape)
    file.create_virtual_dataset(name, layout)


def outside(file, name, values, folder):
    (folder / "secret").write_bytes(values.tobytes())
    file.create_dataset(name, values.shape, "f4", external=[(str(folder / "secret"), 0, values.nbytes)])


def references(file, name, values, folder):
    file.create_dataset(name, values.shape, h5py.ref_dtype)


def many_long_names(file, folder):
    file["ballast"] = np.zeros(200_000, np.float32)
    file.attrs["layer_names"] = ["a"] * 4000


KERNEL, GAMMA, HEAD = "conv2d_9/conv2d_9/kernel:0", "batch_normalization_9/batch_normalization_9/gamma:0", "dense_10/dense_10/kernel:0"  # fmt: skip

HOSTILE = {
    "huge kernel": (replaced(KERNEL, huge), r"'conv2d_9/kernel' has shape \(3, 3, 3, 1099511627776\), expected \(3, 3, 3, 8\)"),
    "huge classifier": (replaced(HEAD, huge), r"'dense_10/kernel' has shape \(16, 1099511627776\), expected \(16, K\)"),
    "external link": (replaced(KERNEL, elsewhere), "is a link to elsewhere"),
    "soft link": (replaced(KERNEL, soft), "is a link to elsewhere"),
    "virtual": (replaced(KERNEL, virtual), "lies in another file"),
    "external storage": (replaced(KERNEL, outside), "lies in another file"),
    "references": (replaced(KERNEL, references), "'conv2d_9/kernel' holds object, expected float16"),
    "whole numbers": (replaced(KERNEL, lambda f, n, v, _: f.create_dataset(n, data=v.astype(np.int32))), "holds int32"),
    "complex": (replaced(KERNEL, lambda f, n, v, _: f.create_dataset(n, data=v.astype(np.complex64))), "holds complex64"),
    "compressed": (replaced(KERNEL, lambda f, n, v, _: f.create_dataset(n, data=v, compression="gzip")), "is compressed"),
    "not finite": (replaced(GAMMA, lambda f, n, v, _: f.create_dataset(n, data=v * np.nan)), r"'blocks\.0\.2\.weight' holds numbers that are not finite"),
    "too large for float32": (replaced(GAMMA, lambda f, n, v, _: f.create_dataset(n, data=np.full(v.shape, 1e300))), "not finite"),
    "a group": (replaced(KERNEL, lambda f, n, v, _: f.create_group(n)), "holds something that is no array"),
    "an array is gone": (replaced(GAMMA, lambda *_: None), "lacks 'batch_normalization_9/gamma:0', which it lists"),
    "a layer is gone": (lambda f, _: f.pop("conv2d_9"), "lacks 'conv2d_9', which it lists"),
    "no BatchNorm": (lambda f, _: f.attrs.create("layer_names", [n for n in f.attrs["layer_names"] if b"batch" not in n]), "holds 4 convolutions, 0 BatchNorms, 2 dense layers, expected 4 convolutions, 4 BatchNorms"),
    "no gamma": (lambda f, _: f["batch_normalization_9"].attrs.create("weight_names", [b"batch_normalization_9/beta:0"]), "'batch_normalization_9' holds beta; expected gamma, beta, moving_mean, moving_variance"),
    "numbers for names": (lambda f, _: f.attrs.create("layer_names", np.arange(4)), "'layer_names' holds int64, expected names"),
    "references for names": (lambda f, _: f.attrs.create("layer_names", f.ref, dtype=h5py.ref_dtype), "expected names"),
    "long names": (many_long_names, "4,000 names of up to .* bytes: too many"),
    "path upwards": (lambda f, _: f.attrs.create("layer_names", [b"/", b"..", b"."]), "lacks '/', which it lists"),
    "no Keras file": (lambda f, _: f.attrs.pop("layer_names"), "HDF5 but not weights of Keras"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_keras_files(kind, tmp_path):
    change, why = HOSTILE[kind]
    path = spoiled_h5(tmp_path, change)
    with pytest.raises(ClewError, match=why) as caught:
        read_weights(path, config())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cut_and_scratched_keras_files_fail_clearly_or_are_read(tmp_path):
    data = write_keras_2(tmp_path / "w.h5", keras_meso4(np.random.default_rng(0), size=32)).read_bytes()
    path = tmp_path / "spoiled.h5"
    for share in (0.001, 0.05, 0.3, 0.6, 0.9, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ClewError, match=r"spoiled\.h5"):
            read_weights(path, config(size=32))
    rng, refused = np.random.default_rng(0), 0
    for _ in range(80):
        scratched = bytearray(data)
        scratched[int(rng.integers(8, 12_000))] ^= int(rng.integers(1, 256))
        path.write_bytes(scratched)
        try:
            read_weights(path, config(size=32))
        except ClewError:
            refused += 1
    assert 0 < refused < 80


def test_keras_weights_of_other_networks(tmp_path):
    path = write_keras_2(tmp_path / "w.h5", inception_layers(random_state(Config("mesoinception4", 32, 1)), True))
    with pytest.raises(ClewError, match=r"w\.h5 holds 16 convolutions, .* expected 4 convolutions.*another network"):
        read_weights(path, config(size=32))
    with pytest.raises(ClewError, match=r"read for meso4, mesoinception4 alone, not cnn5"):
        read_weights(path, config("cnn5", 32))
    write_keras_2(path, keras_meso4(np.random.default_rng(0)))
    with pytest.raises(ClewError, match=r"'dense_9/kernel' has shape \(64, 16\), expected \(16, 16\).*input size"):
        read_weights(path, config(size=32))


# PyTorch and safetensors


class Small(nn.Module):
    """A network with the parts of an Xception that files name in several ways."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.pointwise = nn.Conv2d(4, 8, 1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 2)


def small_state(classes=2):
    torch.manual_seed(0)
    state = Small().state_dict()
    return state | {"fc.weight": torch.randn(classes, 8), "fc.bias": torch.randn(classes)}


def fitted(path):
    return fit_foreign(Small(), load_weights(path), str(path), "fc")


WRITERS = {
    "zip": torch.save,
    "legacy": lambda found, path: torch.save(found, path, _use_new_zipfile_serialization=False),
    "safetensors": lambda found, path: save_file(found, path),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.bin", "w"])
def test_the_content_tells_the_format(writer, name, tmp_path):
    WRITERS[writer](small_state(), tmp_path / name)
    assert_same(fitted(tmp_path / name), small_state())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s, "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": []}},
        lambda s: {"net": {"state_dict": s}},
        lambda s: {"ema": {n: t + 1 for n, t in s.items()}, "model_state_dict": s},
        lambda s: {"model": "resnet", "network": s},
        lambda s: {"model": {"name": "x"}, "params": s},
    ],
)
def test_wrappers(wrap, tmp_path):
    torch.save(wrap(small_state()), tmp_path / "w.pth")
    assert_same(fitted(tmp_path / "w.pth"), small_state())


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "backbone.", "_orig_mod.net.encoder."])
def test_prefixes_on_all_names_go(prefix, tmp_path):
    torch.save({f"{prefix}{n}": t for n, t in small_state().items()}, tmp_path / "w.pth")
    assert_same(fitted(tmp_path / "w.pth"), small_state())


def test_a_prefix_on_some_names_stays():
    assert shared_prefix(["model.a", "b"]) == ""
    assert shared_prefix(["module.model.model.a", "module.model.model.b"]) == "module.model.model."
    assert shared_prefix([]) == ""


def test_a_network_with_a_prefix_of_its_own():
    own = {"net.conv1.weight": torch.zeros(1), "net.fc.weight": torch.zeros(1), "net.fc.bias": torch.zeros(1)}
    for theirs in ("", "net.", "module."):
        found = {f"{theirs}conv1.weight": 1, f"{theirs}last_linear.weight": 2, f"{theirs}last_linear.bias": 3}
        assert renamed(found, own, "net.fc") == {"net.conv1.weight": 1, "net.fc.weight": 2, "net.fc.bias": 3}


def test_xceptions_of_faceforensics_and_deepfakebench():
    with torch.device("meta"):
        own = network(Config("xception", 299)).state_dict()
    for prefix, layer in (("model.", "last_linear.1"), ("", "last_linear"), ("backbone.", "last_linear")):
        theirs = {prefix + n.replace("fc.", f"{layer}."): t for n, t in own.items() if "num_batches" not in n}
        theirs |= {f"{prefix}adjust_channel.0.weight": own["fc.weight"]} if prefix == "backbone." else {}
        assert renamed(theirs, own, "fc").keys() == own.keys()


def test_flat_pointwise_weights_old_files_and_what_is_no_weight(tmp_path):
    state = small_state()
    found = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    found["pointwise.weight"] = found["pointwise.weight"][:, :, 0, 0]
    torch.save({**found, "mean": torch.zeros(3), "std": torch.ones(3), "total_ops": torch.ones(1)}, tmp_path / "w.pth")
    assert_same(fitted(tmp_path / "w.pth"), state)
    counted = {**state, "bn.num_batches_tracked": torch.tensor(7, dtype=torch.int32)}
    torch.save(counted, tmp_path / "w.pth")
    assert fitted(tmp_path / "w.pth")["bn.num_batches_tracked"] == 7


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(dtype, tmp_path):
    state = small_state()
    torch.save({n: t.to(dtype) if t.dtype == torch.float32 else t for n, t in state.items()}, tmp_path / "w.pth")
    found = fitted(tmp_path / "w.pth")
    assert_same(found, {n: t.to(dtype).float() if t.dtype == torch.float32 else t for n, t in state.items()})


@pytest.mark.parametrize("classes", [1, 2, 1000])
def test_any_number_of_classes(classes, tmp_path):
    state = initial_state(Config("meso4", 32, classes), 0)
    torch.save(state, tmp_path / "w.pth")
    found = read_weights(tmp_path / "w.pth", config(size=32))
    assert (found.classes, found.form) == (classes, "PyTorch")
    assert_same(found.state, state)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bn.running_mean": torch.full((8,), torch.nan)}, r"'bn\.running_mean' holds numbers that are not finite"),
        ({"fc.weight": torch.full((2, 8), torch.inf)}, r"'fc\.weight' holds numbers that are not finite"),
        ({"conv1.bias": torch.full((4,), 1e300, dtype=torch.float64)}, r"'conv1\.bias' holds numbers that are not"),
        ({"bn.running_var": torch.full((8,), -1.0)}, "negative variances"),
        ({"conv1.bias": torch.zeros(4, dtype=torch.int64)}, r"'conv1\.bias' is torch\.int64.*expected floats"),
        ({"conv1.bias": torch.zeros(4).to_sparse()}, r"'conv1\.bias' is .*sparse"),
        ({"conv1.bias": torch.zeros(4, dtype=torch.complex64)}, "expected floats"),
        ({"conv1.bias": torch.zeros(1).expand(10**7, 10**7)}, r"has shape \(10000000, 10000000\), expected \(4,\)"),
        (
            {"fc.weight": torch.zeros(1).expand(10**9, 8)},
            r"'fc\.weight' has shape \(1000000000, 8\), expected \(2, 8\)",
        ),
        ({"fc.weight": torch.zeros(0, 8)}, r"'fc\.weight' has shape \(0, 8\), expected \(2, 8\)"),
        ({"fc.weight": torch.tensor(1.0)}, r"'fc\.weight' has shape \(\), expected \(2, 8\)"),
        ({"fc.bias": torch.zeros(3)}, r"'fc\.bias' has shape \(3,\), expected \(2,\)"),
        ({"more.weight": torch.zeros(1)}, "holds 'more.weight', which this detector does not have"),
    ],
)
def test_tensors_that_do_not_fit(change, why, tmp_path):
    torch.save({**small_state(), **change}, tmp_path / "w.pth")
    with pytest.raises(ClewError, match=why) as caught:
        fitted(tmp_path / "w.pth")
    assert "w.pth" in str(caught.value)


def test_a_missing_tensor_is_named(tmp_path):
    state = small_state()
    del state["bn.weight"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        ClewError, match=r"w\.pth lacks 'bn\.weight' \(it holds 'conv1\.weight', 'conv1\.bias', \.\.\.\)"
    ):
        fitted(tmp_path / "w.pth")


class Trap:
    """Pickled, it writes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize("how", ["zip", "legacy", "plain pickle", "module"])
def test_no_code_in_a_file_runs(how, tmp_path):
    path, sprung = tmp_path / "w.pth", tmp_path / "sprung"
    found = {"state_dict": small_state(), "x": Trap(sprung)}
    if how == "plain pickle":
        path.write_bytes(pickle.dumps(found))
    else:
        WRITERS["legacy" if how == "legacy" else "zip"](nn.Linear(2, 2) if how == "module" else found, path)
    with pytest.raises(ClewError, match=r"w\.pth .*is no file of plain tensors.*model\.state_dict\(\)") as caught:
        load_weights(path)
    assert not sprung.exists()
    assert "weights_only=False" not in str(caught.value)


@pytest.mark.parametrize(
    "found", [[torch.ones(2)], torch.ones(2), {}, {"a": 1}, {1: torch.ones(1)}, {"state_dict": {}}]
)
def test_files_without_named_tensors(found, tmp_path):
    torch.save(found, tmp_path / "w.pth")
    with pytest.raises(ClewError, match=r"w\.pth: expected a dictionary of names and tensors"):
        load_weights(tmp_path / "w.pth")


@pytest.mark.parametrize("writer", WRITERS)
def test_cut_and_scratched_files(writer, tmp_path):
    path = tmp_path / "w.pth"
    WRITERS[writer](small_state(), path)
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for share in (0.0, 0.01, 0.3, 0.7, 0.98):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ClewError, match=r"w\.pth"):
            load_weights(path)
    for _ in range(100):
        scratched = bytearray(data)
        scratched[int(rng.integers(0, len(data)))] ^= int(rng.integers(1, 256))
        path.write_bytes(scratched)
        with suppress(ClewError):  # a scratch in the numbers is not seen; whatever else is raised fails the test
            load_weights(path)


def packed(path, name, data, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr(name, data)


CONTENTS = {
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "folder": (lambda p: p.mkdir(), "is a folder"),
    "missing": (lambda p: None, "does not exist"),
    "pipe": (os.mkfifo, "is no ordinary file"),
    "web page": (lambda p: p.write_text("<!DOCTYPE html><html>"), "a web page"),
    "pointer": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid"), "a pointer of Git LFS"),
    "picture": (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50)), "a PNG picture"),
    "text": (lambda p: p.write_text("these are no weights"), "a text"),
    "noise": (lambda p: p.write_bytes(bytes(range(200, 256))), "unknown kind"),
    "tar": (lambda p: p.write_bytes(bytes(257) + b"ustar" + bytes(250)), "a tar archive"),
    "Keras": (lambda p: write_keras_2(p, []), "is HDF5, as Keras writes it"),
    ".keras": (lambda p: packed(p, "model.weights.h5", b"x"), r"is a \.keras archive"),
    "zip": (lambda p: packed(p, "a.txt", b"x"), "a zip archive that PyTorch did not write"),
    "zip bomb": (lambda p: packed(p, "a/data.pkl", bytes(10**6), zipfile.ZIP_DEFLATED), "is not unpacked"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_what_is_not_weights_is_told_by_its_content(kind, tmp_path):
    make, why = CONTENTS[kind]
    make(tmp_path / "w.pth")
    with pytest.raises(ClewError, match=rf"w\.pth.*{why}"):
        load_weights(tmp_path / "w.pth")


def test_nothing_above_4_gib_is_read(tmp_path):
    with (tmp_path / "w.pth").open("wb") as handle:
        handle.write(b"PK\x03\x04")
        handle.truncate(4 * 2**30 + 1)  # sparse: takes no room
    with pytest.raises(ClewError, match=r"has 4,294,967,297 bytes; at most 4,294,967,296 are read"):
        load_weights(tmp_path / "w.pth")
