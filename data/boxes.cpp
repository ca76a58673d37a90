#include "data/boxes.h"

#include <algorithm>

namespace sf {

BoxCorners clipped(const BoxCorners& box, PictureSize picture) {
  const double right = picture.width - 1.0, bottom = picture.height - 1.0;
  return {std::clamp(box[0], 0.0, right), std::clamp(box[1], 0.0, bottom),
          std::clamp(box[2], 0.0, right), std::clamp(box[3], 0.0, bottom)};
}

BoxCorners fitted_box(const BoxCorners& shares, PictureSize source, const SpatialChoice& choice) {
  BoxCorners box = clipped({shares[0] * source.width, shares[1] * source.height,
                            shares[2] * source.width, shares[3] * source.height},
                           source);
  if (choice.size != source) {
    const double ratio = source.width < source.height ? double(choice.size.height) / source.height
                                                      : double(choice.size.width) / source.width;
    for (double& x : box) x *= ratio;
  }
  const Box& crop = choice.crop;
  box = {box[0] - crop.x, box[1] - crop.y, box[2] - crop.x, box[3] - crop.y};
  if (choice.mirror) {
    const double left = crop.width - box[2] - 1;
    box[2] = crop.width - box[0] - 1;
    box[0] = left;
  }
  return clipped(box, {crop.height, crop.width});
}

}  // namespace sf
