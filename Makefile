# The two commands of the README. Each installs what is missing and builds first.
#   make run    makes a set of real videos, trains a small SlowFast on it and tests it
#   make controls   the same network without motion to see: frames in random order, one frame repeated
#   make test   runs all tests
# CMAKE_FLAGS goes to the configure step: make test CMAKE_FLAGS=-DSF_WERROR=ON
BUILD ?= build
CMAKE_FLAGS ?=
VIDEOS ?= 1600
set := $(BUILD)/motion

.PHONY: run controls test build deps

train = $(BUILD)/sf run --cfg configs/synthetic/SLOWFAST_TINY.yaml \
    DATA.PATH_TO_DATA_DIR $(set) SF.CLASS_NAMES_PATH $(set)/classes.txt

run: build $(set)/test.csv
	$(train) OUTPUT_DIR $(set)/out
	@echo
	@echo "Curves of loss and errors: $(set)/out/training.svg"
	@echo "For your own videos write lists/train.csv, val.csv and test.csv, a line \"PATH LABEL\" for each, and run"
	@echo "  $(BUILD)/sf run --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml TRAIN.CHECKPOINT_FILE_PATH weights.pyth \\"
	@echo "      TRAIN.CHECKPOINT_EPOCH_RESET True DATA.PATH_TO_DATA_DIR lists DATA.PATH_PREFIX videos OUTPUT_DIR out"

controls: build $(set)/test.csv
	$(train) OUTPUT_DIR $(set)/shuffled SF.FRAME_ORDER shuffled
	$(train) OUTPUT_DIR $(set)/single SF.FRAME_ORDER single
	@grep -H top1_acc $(set)/shuffled/stdout.log $(set)/single/stdout.log

$(set)/test.csv: | build
	$(BUILD)/sf synth --out $(set) --videos $(VIDEOS) --seed 1

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $$(nproc)

build: deps
	cmake -S . -B $(BUILD) -DCMAKE_UNITY_BUILD=ON $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $$(nproc)

deps:
	tools/install-deps
