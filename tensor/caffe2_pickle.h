// Caffe2 model-zoo files: a pickled dict whose "blobs" are numpy arrays.
#pragma once

#include <memory>

#include "tensor/checkpoint.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle.h"

namespace sf {

// The blobs under PySlowFast's names, channels-last, without momentum, learning rate and iteration;
// other entries as text; no epoch. Blobs keep the axes they have: weights of 1x1x1 convolutions may
// come with two. `pickle` is what the file holds. Throws sf::Error, naming the blob.
StoredCheckpoint checkpoint_from_caffe2(const std::shared_ptr<const Pickle>& pickle,
                                        const std::shared_ptr<const MappedFile>& file);

}  // namespace sf
