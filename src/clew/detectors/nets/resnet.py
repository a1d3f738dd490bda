"""ResNet-18 and ResNet-34 (He et al. 2016, arXiv 1512.03385), their tensors named as in torchvision's weights."""

from __future__ import annotations

from torch import Tensor, nn

from clew.detectors.base import Detector, Facts
from clew.detectors.registry import detectors

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (B, inputs, H, W) -> (B, outputs, H/stride, W/stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.act = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        """The block's maps, after the sum and a ReLU."""
        residual = self.bn2(self.conv2(self.act(self.bn1(self.conv1(maps)))))
        return self.act(residual + self.downsample(maps))


def stage(inputs: int, outputs: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` blocks, of which the first changes channels and size."""
    return nn.Sequential(BasicBlock(inputs, outputs, stride), *(BasicBlock(outputs, outputs) for _ in range(depth - 1)))


class ResNet(Detector):
    """A ResNet of basic blocks, `depths` in each of its four stages."""

    facts = Facts(224, multiple=1, cam_layer="layer4", mean=IMAGENET_MEAN, std=IMAGENET_STD, least=32, classifier="fc")
    width = 512
    depths: tuple[int, int, int, int]

    def __init__(self, input_size: int = 224, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(64, 64, self.depths[0], stride=1)
        self.layer2 = stage(64, 128, self.depths[1], stride=2)
        self.layer3 = stage(128, 256, self.depths[2], stride=2)
        self.layer4 = stage(256, 512, self.depths[3], stride=2)
        self.fc = nn.Linear(self.width, classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of normalised images (B, 3, H, W)."""
        maps = self.pool(self.act(self.bn1(self.conv1(images))))
        return self.layer4(self.layer3(self.layer2(self.layer1(maps)))).mean((2, 3))


@detectors.register("resnet18")
class ResNet18(ResNet):
    """ResNet-18: 11,177,538 parameters with two logits."""

    depths = (2, 2, 2, 2)


@detectors.register("resnet34")
class ResNet34(ResNet):
    """ResNet-34: 21,285,698 parameters with two logits."""

    depths = (3, 4, 6, 3)
