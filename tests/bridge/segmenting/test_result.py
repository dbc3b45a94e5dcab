"""What `segment` hands back of a volume."""

from pathlib import Path

from particlebridge.bridge import segment


def test_a_volume_gives_the_label_file_of_each_view(small_volume: Path, tmp_path: Path) -> None:
    for _ in ("made", "resumed"):
        made = segment(small_volume, tmp_path, views=("xy", "yz"), diameter=40)
        assert made.folder == tmp_path
        assert made.labels == {v: tmp_path / "views" / v / "labels.tif" for v in ("xy", "yz")}
        assert all(file.is_file() for file in made.labels.values())
