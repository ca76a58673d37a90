// Caffe2 model-zoo files: a pickled dict whose "blobs" are numpy arrays.
#pragma once

#include "tensor/checkpoint.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle.h"

namespace sf {

// The blobs under PySlowFast's names, channels-last, without momentum, learning rate and iteration;
// other entries as text; no epoch. Blobs keep the axes they have: weights of 1x1x1 convolutions may
// come with two. `root` is what the file holds. Throws sf::Error, naming the blob.
Checkpoint checkpoint_from_caffe2(const PickleValue& root, const MappedFile& file);

}  // namespace sf
