import pytest
import tensorflow as tf
from particlebridge.exporter.runtimes.runtime_ops import RUNTIMES, not_known


def node(op, **attributes):
    made = tf.compat.v1.NodeDef(name="n", op=op)
    for name, value in attributes.items():
        if isinstance(value, str):
            made.attr[name].s = value.encode()
        else:
            made.attr[name].b = value
    return made


@pytest.mark.parametrize(
    ("op", "first"),  # from TensorFlow's release notes
    [("Conv2D", "1.12.0"), ("LeakyRelu", "1.13.1"), ("FusedBatchNormV3", "1.14.0")],
)
def test_an_op_is_known_from_the_release_that_brought_it(op, first):
    for runtime in RUNTIMES:
        assert (not_known(node(op), runtime) is None) == (
            RUNTIMES.index(runtime) <= RUNTIMES.index(first)
        )


def test_an_attribute_and_a_word_may_be_newer_than_their_op():
    newer = node("Conv2D", padding="EXPLICIT")
    assert not_known(newer, "1.12.0") == "padding='EXPLICIT' of op Conv2D"
    assert not_known(newer, "1.15.0") is None
    resize = node("ResizeNearestNeighbor", half_pixel_centers=True)
    assert (
        not_known(resize, "1.13.1") == "attribute 'half_pixel_centers' of op ResizeNearestNeighbor"
    )
    assert not_known(resize, "1.14.0") is None


def test_notes_are_not_attributes_and_runtimes_are_checked():
    assert not_known(node("Relu", _class="x")) is None
    assert not_known(node("NoSuchOp")) == "op NoSuchOp"
    with pytest.raises(ValueError, match="not a known TensorFlow"):
        not_known(node("Relu"), "2.0.0")
