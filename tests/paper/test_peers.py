"""The quoted networks, counted, beside what model zoos publish."""

import pytest

from r3d_rs import paper
from r3d_rs.paper import peers
from r3d_rs.paper.layers import Tally


def millions(net, *, scales=True):
    return round((net.params - (0 if scales else net.scales)) / 1e6, 2)


def gmacs(net):
    return round(net.macs / 1e9, 1)


def test_a_grouped_convolution_has_its_channels_shared_among_groups():
    net = Tally((4, 9, 9), 8).conv(16, (3, 3, 3), (1, 2, 2), groups=8)
    assert (net.shape, net.channels) == ((4, 5, 5), 16)
    assert net.params == 27 * 1 * 16 + 2 * 16 and net.scales == 2 * 16
    assert net.macs == 27 * 16 * 4 * 5 * 5


def test_attention_has_two_products_and_four_dense_layers():
    net = Tally((1, 1, 10), 8)
    net.attention(8, 10, 5)
    assert net.products == 2 * 10 * 5 * 8
    assert net.linear == 4 * 8 * 8 * 10
    assert net.params == 4 * (8 * 8 + 8) + 2 * 8


def test_parameters_that_torchvision_publishes():
    """Of `r2plus1d_18` and `swin3d_b`, with 400 classes."""
    assert peers.r2plus1d(16, 112, 400, (2, 2, 2, 2), shared=True).params == 31_505_325
    assert peers.swin(32, 224, 400).params == 88_048_984


def test_counts_of_pytorchvideos_model_zoo():
    assert millions(peers.slowfast(16, 256, 400)) == 53.77
    assert millions(peers.x3d(16, 224, 400, 2.0, 2.2)) == 3.79
    reduced = peers.csn(32, 256, 400, peers.BLOCKS[101], preserved=False)
    assert millions(reduced) == 22.21


def test_counts_of_the_authors_model_zoo_of_csn_and_r2plus1d():
    """VMZ leaves normalization out, and names crops other than those it counts."""
    assert millions(peers.csn(32, 256, 400), scales=False) == 32.84
    assert gmacs(peers.csn(32, 256, 400)) == 108.8
    assert gmacs(peers.csn(32, 224, 400)) == 83.3
    assert millions(peers.r2plus1d(32, 112, 400), scales=False) == 63.65
    assert gmacs(peers.r2plus1d(32, 128, 400)) == 199.0


def test_x3d_xl_has_11_million_parameters_and_takes_48_billion():
    net = peers.x3d(16, 356, 400)
    assert (millions(net, scales=False), gmacs(net)) == (11.0, 48.4)


def test_75_billion_and_61_8_million_are_torchvisions_r2plus1d_of_16_frames():
    """Not the 32 frames that have 72.0 %, nor the middle channels of the paper."""
    shared = peers.r2plus1d(16, 112, 400, shared=True)
    assert (round(shared.params / 1e6, 1), round(shared.macs / 1e9)) == (61.8, 75)
    counted = [gmacs(peers.r2plus1d(n, 112, 400)) for n in (8, 16, 32)]
    assert counted == [38.1, 76.2, 152.4]


def test_mvit_has_what_its_paper_prints():
    printed = {(32, 400): (36.6, 170), (64, 400): (36.6, 455), (32, 600): (36.8, 170)}
    for (frames, classes), (params, macs) in printed.items():
        net = peers.mvit(frames, 224, classes)
        assert (round(net.params / 1e6, 1), round(net.macs / 1e9)) == (params, macs)


def test_vtn_was_counted_without_attentions_products():
    net = peers.vtn(250, 224, 400)
    assert round(net.linear / 1e9) == 4218
    assert gmacs(net) == 4397.0
    assert millions(net, scales=False) == 114.04


def test_timesformer_l_takes_2380_billion():
    assert round(peers.timesformer(96, 224, 400).macs / 1e9) == 2380


def test_vivit_h_of_16_pixels_takes_neither_3981_nor_3891_billion():
    assert gmacs(peers.vivit(32, 224, 400, "H", 16)) == 2786.0
    assert gmacs(peers.vivit(32, 224, 400, "H", 14)) == 3958.8


def test_every_quoted_row_is_a_network_and_says_where_it_is_published():
    facts = paper.quoted()
    quoted = [
        source
        for number in (3, 4, 5)
        for source in paper.table(number).query("quoted")["source"]
    ]
    assert list(facts["source"]) == quoted
    assert facts["published"].notna().all()
    uncounted = facts[facts["network"].isna()]
    assert list(uncounted["source"]) == ["Table 3, row 6"]
    assert set(facts["network"].dropna()) <= set(peers.NETWORKS)


@pytest.mark.parametrize("name", peers.NETWORKS)
def test_frames_and_classes_change_what_they_should(name):
    build = peers.NETWORKS[name]
    net, wider, longer = build(16, 224, 400), build(16, 224, 600), build(32, 224, 400)
    width = (wider.params - net.params - 200) // 200
    assert wider.macs - net.macs == 200 * width
    assert 1.9 < longer.macs / net.macs < 2.5
