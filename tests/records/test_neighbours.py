from twinlens.records.neighbours import LabelledImage, NearestNeighbours, QueryImage


def test_queries_are_read_back(tmp_path):
    image = LabelledImage(id="b", label=None)
    query = QueryImage(id="a", label="x", before=[image], after=[image])
    record = NearestNeighbours(side=8, count=1, queries=[query])
    record.write(tmp_path / "neighbours.json")
    assert NearestNeighbours.read(tmp_path / "neighbours.json") == record
