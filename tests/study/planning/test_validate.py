import pytest

from twinlens.config import parse
from twinlens.data.class_subset import open_task
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images
from twinlens.study.planning.config import Study
from twinlens.study.planning.validate import check

ARMS = {"plain": {}, "twins": {"pretrain": {}}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"encoder": "resnet19"}, "Arm 'plain': Unknown encoder 'resnet19'"),
        (
            {"arms": {"twins": {"weights": "none.pth"}}},
            "Arm 'twins': The weights 'none.pth' are neither",
        ),
        (
            {"pretrain": {"batch_size": 999}},
            "Arm 'twins': The batch size 999 is larger than the 102",
        ),
        ({"label_fractions": [0.1]}, "Arm 'plain': The batch size 16 is larger than the"),
        ({"train": {"views": "odd"}}, "Arm 'plain': Unknown recipe of views 'odd'"),
        ({"train": {"image_size": 999}}, "Arm 'plain': image_size 999 is larger than the"),
        ({"train": {"progressive_from": 999}}, "Arm 'plain': progressive_from=999 is above the"),
        ({"train": {"trainable": "lora"}}, "Arm 'plain': LoRA is for the attention"),
        ({"pretrain": {"method": "mae"}}, "Arm 'twins': MAE masks patches"),
        (
            {"train": {"semi": "fixmatch", "semi_ratio": 99, "batch_size": 16}},
            "Arm 'plain': FixMatch takes 1584 unlabelled images a step",
        ),
        (
            {"pretrain": {"method": "dino", "local_size": 999}},
            "Arm 'twins': local_size=999 is above the 32 pixels",
        ),
        (
            {"arms": ARMS | {"small": {"train": {"image_size": 16}}}, "ensemble": "arms"},
            "The key 'ensemble': arms averages .* 'plain' reads images of 32 .* 'small' of 16",
        ),
    ],
)
def test_what_is_wrong_is_found_before_anything_runs(phantoms, changes, sentence):
    content = {"data": str(phantoms), "encoder": "resnet18", "arms": ARMS}
    content |= {"train": {"batch_size": 16}, "pretrain": {"batch_size": 32}}
    study = parse(Study, content | changes, where="test")
    with pytest.raises(UserError, match=sentence):
        check(study, *open_task(phantoms))


def test_arms_of_one_size_may_be_averaged(phantoms):
    content = {"data": str(phantoms), "encoder": "resnet18", "ensemble": "arms", "arms": ARMS}
    content |= {"train": {"batch_size": 16, "image_size": 16}, "pretrain": {"batch_size": 32}}
    check(parse(Study, content, where="test"), *open_task(phantoms))


def test_labels_of_one_class_are_refused(class_folder, tmp_path):
    rows = "0,a,train\n1,a,train\n2,a,test\n"
    (class_folder / "labels.csv").write_text(f"image,label,split\n{rows}")
    data = import_images(class_folder, tmp_path / "data", size=8).path
    study = parse(Study, {"data": str(data), "encoder": "resnet18", "arms": ARMS}, where="test")
    with pytest.raises(UserError, match=r"'imported' of .* are 'a', and a classifier needs two"):
        check(study, *open_task(data))
