"""Keras as its guides say. From random weights: "Image classification from scratch" (a small Xception at 180 pixels,
flips and rotations, Adam at 3e-4). Keras publishes no ResNet-18, so the checkpoint of the contest has no place in it.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from PIL import Image

from recipes.job import Job, Predict, main

SIZE = 180


def train(job: Job, epochs: int) -> Predict:
    """Batches of 32; a fifth of the images validates."""
    assert job.weights is None
    keras.utils.set_random_seed(job.seed)
    contest = job.contest
    images = read([path for path, _ in contest.train])
    targets = np.array([target for _, target in contest.train])
    kept = np.random.default_rng(job.seed).permutation(len(images))[len(images) // 5 :]
    classify = contest.kind == "classify"
    last = {"classify": "softmax", "regress": None, "multilabel": "sigmoid"}[contest.kind]
    model = network(len(contest.classes), last)
    loss = {"classify": "sparse_categorical_crossentropy", "regress": "mse", "multilabel": "binary_crossentropy"}
    model.compile(optimizer=keras.optimizers.Adam(3e-4), loss=loss[contest.kind])
    dtype = np.int64 if classify else np.float32
    model.fit(images[kept], targets[kept].astype(dtype), batch_size=32, epochs=epochs, verbose=0)

    def predict(paths: Sequence[Path]) -> NDArray[np.float64]:
        return np.asarray(model.predict(read(paths), verbose=0), dtype=np.float64)

    return predict


def read(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Squashed to the guide's size."""
    return np.stack([np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE))) for path in paths])


def network(outputs: int, activation: str | None) -> keras.Model:
    """The guide's: an entry of 128 channels, separable convolutions with residuals up to 1024."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(inputs))
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(128, 3, strides=2, padding="same")(x)))
    before = x
    for width in (256, 512, 728):
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = layers.BatchNormalization()(layers.SeparableConv2D(width, 3, padding="same")(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        before = layers.Conv2D(width, 1, strides=2, padding="same")(before)
        x = before = layers.add([x, before])
    x = layers.BatchNormalization()(layers.SeparableConv2D(1024, 3, padding="same")(x))
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    return keras.Model(inputs, layers.Dense(outputs, activation=activation)(layers.Dropout(0.25)(x)))


if __name__ == "__main__":
    main(train)
