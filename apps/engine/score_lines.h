// Scores as JSON, an object a line.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "apps/engine/clip_scores.h"
#include "data/box_file.h"

namespace sf {

// A line for each clip: {"clip": 0, "start": SECOND, "end": SECOND, "classes": [{"class": NUMBER,
// "name": NAME, "score": SCORE}, ...]} with the `top` best classes, best first.
std::string clip_lines(std::span<const ClipScores> clips, double fps,
                       const std::vector<std::string>& class_names, size_t top);

// A line for each box: {"second": SECOND, "box": [x1, y1, x2, y2], "person": NUMBER, "score":
// SCORE, "classes": [...]} as above, but with classes counted from 1 as in AVA's files; person and
// the detector's score where they are known.
std::string box_lines(std::span<const KeyBox> boxes, std::span<const std::vector<float>> scores,
                      double fps, const std::vector<std::string>& class_names, size_t top);

}  // namespace sf
