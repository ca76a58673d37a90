// Everything that translated PTX calls. Included once, by the generated file.
#pragma once

#include <cstddef>

#include "device/device_io.h"
#include "device/matrix.h"
#include "device/scalar.h"
#include "device/warp.h"
