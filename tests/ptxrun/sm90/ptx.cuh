// The instructions of sm_90a that the tests use.
#pragma once

#include <cstdint>

#include <cuda.h>

namespace ptxrun_test {

using u32 = uint32_t;
using u64 = uint64_t;
#define PTX_DEVICE __device__ __forceinline__

PTX_DEVICE u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }

PTX_DEVICE void mbarrier_init(u64* barrier, u32 count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(count));
}
PTX_DEVICE void mbarrier_invalidate(u64* barrier) {
  asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(shared_address(barrier)));
}
PTX_DEVICE u64 mbarrier_arrive(u64* barrier) {
  u64 state;
  asm volatile("mbarrier.arrive.shared::cta.b64 %0, [%1];"
               : "=l"(state)
               : "r"(shared_address(barrier))
               : "memory");
  return state;
}
PTX_DEVICE u64 mbarrier_arrive(u64* barrier, u32 count) {
  u64 state;
  asm volatile("mbarrier.arrive.shared::cta.b64 %0, [%1], %2;"
               : "=l"(state)
               : "r"(shared_address(barrier)), "r"(count)
               : "memory");
  return state;
}
PTX_DEVICE u64 mbarrier_arrive_no_complete(u64* barrier) {
  u64 state;
  asm volatile("mbarrier.arrive.noComplete.shared::cta.b64 %0, [%1], 1;"
               : "=l"(state)
               : "r"(shared_address(barrier))
               : "memory");
  return state;
}
PTX_DEVICE void mbarrier_arrive_expect(u64* barrier, u32 bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
PTX_DEVICE void mbarrier_expect(u64* barrier, u32 bytes) {
  asm volatile(
      "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
PTX_DEVICE void mbarrier_complete(u64* barrier, u32 bytes) {
  asm volatile(
      "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
PTX_DEVICE void mbarrier_wait(u64* barrier, u32 parity) {
  u32 over = 0;
  while (!over)
    asm volatile(
        "{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0,1,0,p;}"
        : "=r"(over)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
}
PTX_DEVICE void mbarrier_wait_state(u64* barrier, u64 state) {
  u32 over = 0;
  while (!over)
    asm volatile(
        "{.reg .pred p; mbarrier.test_wait.shared::cta.b64 p, [%1], %2; selp.u32 %0,1,0,p;}"
        : "=r"(over)
        : "r"(shared_address(barrier)), "l"(state)
        : "memory");
}

PTX_DEVICE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
PTX_DEVICE void fence_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

PTX_DEVICE void bulk_load(void* to, const void* from, u32 bytes, u64* barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}
PTX_DEVICE void bulk_move(void* to, const void* from, u32 bytes, u64* barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, "
      "[%3];" ::"r"(shared_address(to)),
      "r"(shared_address(from)), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}
PTX_DEVICE void bulk_store(void* to, const void* from, u32 bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to),
               "r"(shared_address(from)), "r"(bytes)
               : "memory");
}
PTX_DEVICE void bulk_add(void* to, const void* from, u32 bytes) {
  asm volatile(
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(to),
      "r"(shared_address(from)), "r"(bytes)
      : "memory");
}
PTX_DEVICE void bulk_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
PTX_DEVICE void bulk_wait() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }
PTX_DEVICE void bulk_wait_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }

// A place in a tensor: coordinates, and the offsets of an im2col load.
struct Place {
  int c[5];
  int tap[3];
};

#define PTX_COORDINATES "r"(p.c[0]), "r"(p.c[1]), "r"(p.c[2]), "r"(p.c[3]), "r"(p.c[4])

template <int kRank>
PTX_DEVICE void tensor_load(void* to, const CUtensorMap* map, u64* barrier, const Place& p) {
#define PTX_LOAD(rank, list)                                                                  \
  if constexpr (kRank == rank)                                                                \
  asm volatile("cp.async.bulk.tensor." #rank                                                  \
               "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {" list \
               "}], [%2];" ::"r"(shared_address(to)),                                         \
               "l"(map), "r"(shared_address(barrier)), PTX_COORDINATES                        \
               : "memory")
  PTX_LOAD(1, "%3");
  PTX_LOAD(2, "%3,%4");
  PTX_LOAD(3, "%3,%4,%5");
  PTX_LOAD(4, "%3,%4,%5,%6");
  PTX_LOAD(5, "%3,%4,%5,%6,%7");
#undef PTX_LOAD
}

template <int kRank>
PTX_DEVICE void tensor_store(const CUtensorMap* map, const void* from, const Place& p) {
#define PTX_STORE(rank, list)                                                                   \
  if constexpr (kRank == rank)                                                                  \
  asm volatile("cp.async.bulk.tensor." #rank "d.global.shared::cta.tile.bulk_group [%1, {" list \
               "}], [%0];" ::"r"(shared_address(from)),                                         \
               "l"(map), PTX_COORDINATES                                                        \
               : "memory")
  PTX_STORE(1, "%2");
  PTX_STORE(2, "%2,%3");
  PTX_STORE(3, "%2,%3,%4");
  PTX_STORE(4, "%2,%3,%4,%5");
  PTX_STORE(5, "%2,%3,%4,%5,%6");
#undef PTX_STORE
}

template <int kRank>
PTX_DEVICE void im2col_load(void* to, const CUtensorMap* map, u64* barrier, const Place& p) {
#define PTX_IM2COL(rank, list, taps)                                                            \
  if constexpr (kRank == rank)                                                                  \
  asm volatile("cp.async.bulk.tensor." #rank                                                    \
               "d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {" list \
               "}], [%2], {" taps "};" ::"r"(shared_address(to)),                               \
               "l"(map), "r"(shared_address(barrier)), PTX_COORDINATES, "h"((short)p.tap[0]),   \
               "h"((short)p.tap[1]), "h"((short)p.tap[2])                                       \
               : "memory")
  PTX_IM2COL(3, "%3,%4,%5", "%8");
  PTX_IM2COL(4, "%3,%4,%5,%6", "%8,%9");
  PTX_IM2COL(5, "%3,%4,%5,%6,%7", "%8,%9,%10");
#undef PTX_IM2COL
}
#undef PTX_COORDINATES

PTX_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
PTX_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
PTX_DEVICE void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory"); }

// d (+)= A B for m64n16k(depth); `flags` are the trailing immediates. A from shared memory ...
#define PTX_WGMMA_SHARED(type, depth, flags, d, a, b, accumulate)                               \
  asm volatile("{.reg .pred p; setp.ne.b32 p,%10,0; wgmma.mma_async.sync.aligned.m64n16k" depth \
               ".f32." type "." type " {%0,%1,%2,%3,%4,%5,%6,%7}, %8, %9, p, " flags ";}"       \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]),        \
                 "+f"(d[6]), "+f"(d[7])                                                         \
               : "l"(a), "l"(b), "r"(accumulate))
// ... or from registers.
#define PTX_WGMMA_REGISTERS(type, depth, flags, d, a, b, accumulate)                               \
  asm volatile("{.reg .pred p; setp.ne.b32 p,%13,0; wgmma.mma_async.sync.aligned.m64n16k" depth    \
               ".f32." type "." type " {%0,%1,%2,%3,%4,%5,%6,%7}, {%8,%9,%10,%11}, %12, p, " flags \
               ";}"                                                                                \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]),           \
                 "+f"(d[6]), "+f"(d[7])                                                            \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate))

// The address of a byte under a swizzle of 16 << bits bytes, as the architecture's manual draws it:
// the 16-byte column is combined with the number of the 128-byte row.
inline u32 swizzled(u32 address, int bits) {
  const u32 row = address / 128, column = address / 16 % 8;
  return row * 128 + (column ^ row % (1u << bits)) * 16 + address % 16;
}

}  // namespace ptxrun_test
