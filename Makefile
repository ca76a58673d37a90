# The two commands of the README. Each installs what is missing and builds first.
#   make run    makes a small set of real videos and tests a small SlowFast on it
#   make test   runs all tests
# CMAKE_FLAGS goes to the configure step: make test CMAKE_FLAGS=-DSF_WERROR=ON
BUILD ?= build
CMAKE_FLAGS ?=
VIDEOS ?= 160
set := $(BUILD)/motion

.PHONY: run test build deps

run: build
	$(BUILD)/sf synth --out $(set) --videos $(VIDEOS) --seed 1
	$(BUILD)/sf run --cfg configs/synthetic/SLOWFAST_TINY.yaml \
	    DATA.PATH_TO_DATA_DIR $(set) OUTPUT_DIR $(set)/out SF.CLASS_NAMES_PATH $(set)/classes.txt
	@echo
	@echo "The weights are random, so about one video in eight is right by chance (12.5 %)."
	@echo "For your own videos write lists/test.csv, a line \"PATH LABEL\" for each, and run"
	@echo "  $(BUILD)/sf run --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml TRAIN.ENABLE False \\"
	@echo "      TEST.CHECKPOINT_FILE_PATH weights.pyth DATA.PATH_TO_DATA_DIR lists DATA.PATH_PREFIX videos OUTPUT_DIR out"

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $$(nproc)

build: deps
	cmake -S . -B $(BUILD) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $$(nproc)

deps:
	tools/install-deps
