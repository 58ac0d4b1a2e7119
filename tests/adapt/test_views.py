import pytest
import torch

from plusx.adapt.views import averaged, outputs_of_views
from plusx.core.errors import InputError


def test_probabilities_of_a_picture_and_its_mirror_image_are_averaged() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)).eval()
    images = torch.randn(2, 1, 3, 4)
    slow = torch.empty(2, 3)
    for index in range(2):
        turned = torch.tensor([[list(reversed(row)) for row in images[index, 0].tolist()]])[None]
        slow[index] = (model(images[index : index + 1]).softmax(1)[0] + model(turned).softmax(1)[0]) / 2
    found = averaged(model, images, lambda logits: logits.softmax(1))
    torch.testing.assert_close(found, slow)


@pytest.mark.parametrize(
    ("task", "decode"),
    [
        ("classify", lambda x: x.double().softmax(1)),
        ("multilabel", lambda x: x.double().sigmoid()),
        ("regress", lambda x: 3.0 * x.double() + 1),
    ],
)
def test_outputs_whose_decoding_is_the_mean_of_the_decodings(task: str, decode: torch.nn.Module) -> None:
    torch.manual_seed(0)
    views = [5 * torch.randn(6, 3), 5 * torch.randn(6, 3)]
    torch.testing.assert_close(
        decode(outputs_of_views(task, views)), (decode(views[0]) + decode(views[1])) / 2, atol=1e-6, rtol=1e-5
    )
    same = outputs_of_views(task, [views[0]] * 2)
    torch.testing.assert_close(decode(same), decode(views[0]), atol=1e-6, rtol=1e-5)


def test_answers_with_places_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"Views are averaged for classify, multilabel, regress; answers of detect have"
    ):
        outputs_of_views("detect", [torch.zeros(1, 2)])
