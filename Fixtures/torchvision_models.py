"""torchvision's ResNet with the blocks and code it comes with, at widths small enough for fixtures."""
import torch

# A torchvision wheel built against another torch lacks these two operators, which its import only declares.
_library = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    try:
        _library.define(_name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass

from torch import nn  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet  # noqa: E402

BLOCKS = {"basic": BasicBlock, "bottleneck": Bottleneck}


def narrow_resnet(block, depths, width, widths=None):
    """ResNet(block, depths) with `width` channels in the stem instead of 64."""
    network = ResNet(BLOCKS[block], depths, num_classes=2)
    widths = widths or [width * 2**stage for stage in range(4)]
    network.inplanes = width
    network.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
    network.bn1 = nn.BatchNorm2d(width)
    for stage in range(4):
        setattr(network, f"layer{stage + 1}",
                network._make_layer(BLOCKS[block], widths[stage], depths[stage], stride=1 if stage == 0 else 2))
    network.fc = nn.Linear(widths[3] * BLOCKS[block].expansion, 2)
    return network
