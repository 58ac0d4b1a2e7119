"""One training step of a Keras network for every line of the standard input, answered with a line when it is done.

A process of its own, because Keras takes its backend once: KERAS_BACKEND, torch or jax. As its guides have it:
`compile`, `train_on_batch`; SGD, 224 pixels. The first step, in which JAX compiles, is made before "ready" is said.

Run: KERAS_BACKEND=jax python benchmarks/keras_step.py ResNet50 32
"""

import sys

import keras
import numpy as np


def main() -> None:
    name, batch = sys.argv[1], int(sys.argv[2])
    model = getattr(keras.applications, name)(weights=None)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy")
    images, targets = np.random.default_rng(0).random((batch, 224, 224, 3), dtype=np.float32), np.arange(batch)
    model.train_on_batch(images, targets)
    print("ready", flush=True)
    for _ in sys.stdin:
        model.train_on_batch(images, targets)
        print("done", flush=True)


if __name__ == "__main__":
    main()
