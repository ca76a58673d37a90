# Images that hold the installed program and what it needs to run, nothing else.
#   docker build --target cpu -t sf .
#   docker build --target cuda -t sf:cuda .     then docker run --gpus all
ARG DEBIAN=debian:12
ARG CUDA=nvidia/cuda:13.0.2-cudnn

FROM ${DEBIAN} AS cpu-build
WORKDIR /src
COPY tools/install-deps tools/
RUN tools/install-deps --package
COPY . .
RUN cmake --preset package && cmake --build --preset package -j "$(nproc)" && cpack --preset package

FROM ${DEBIAN} AS cpu
RUN --mount=from=cpu-build,source=/src/build-package,target=/package \
    apt-get update && apt-get install -y --no-install-recommends /package/*.deb && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["sf"]

FROM ${CUDA}-devel-ubuntu24.04 AS cuda-build
WORKDIR /src
COPY tools/install-deps tools/
RUN tools/install-deps --package
COPY . .
RUN cmake --preset package -DSF_CUDA=ON && cmake --build --preset package -j "$(nproc)" && cpack --preset package

FROM ${CUDA}-runtime-ubuntu24.04 AS cuda
RUN --mount=from=cuda-build,source=/src/build-package,target=/package \
    apt-get update && apt-get install -y --no-install-recommends /package/*.deb && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["sf"]
