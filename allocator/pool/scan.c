/* SPDX-License-Identifier: Apache-2.0 */
/* 64 stamps or counters at a time against a limit, with what the CPU has for it. Readers write stamps and counters
 * meanwhile: scalar code reads them one by one, vectors in one go, of which each lane is whole on these machines. */
#include "pool.h"
#include <errno.h>
#include <stddef.h>

/* The loop around a mask of 64 rows. MAY_BE looks at all values of SCAN_WORDS words at once, in use or not: mostly none
 * is due, and the bitmap is not read. Behind words without a row in use it is read first: there may be more of them. */
#define SCAN(VALUES, MAY_BE, MASK) \
	for (bool were_free = false; word < end;) { \
		uint32_t n = end - word < SCAN_WORDS ? end - word : SCAN_WORDS; \
		uint64_t some_used = 0, some_due = 0; \
		const uint32_t *at = (VALUES) + (size_t)word * 64; \
		if (n == SCAN_WORDS && !were_free && !(MAY_BE)) { \
			word += n; \
			continue; \
		} \
		for (uint32_t i = 0; i < SCAN_WORDS; i++, at += i < n ? 64 : 0) { \
			uint64_t mask = i < n ? used[word + i] : 0; \
			some_used |= mask; \
			some_due |= ret_masks[i] = mask ? mask & (MASK) : 0; \
		} \
		if (some_due) \
			break; \
		were_free = !some_used; \
		word += n; \
	} \
	return word

/* TARGET is that of the masks, so that they are inlined. */
#define DEFINE_KERNELS(NAME, TARGET) \
	TARGET static uint32_t older_##NAME(const uint32_t *stamps, const uint64_t *used, uint32_t word, uint32_t end, \
					    uint32_t now, uint32_t age, uint64_t ret_masks[SCAN_WORDS]) \
	{ \
		SCAN(stamps, may_be_older_##NAME(at, now, age), mask_older_##NAME(at, now, age)); \
	} \
	TARGET static uint32_t below_##NAME(const uint32_t *counters, const uint64_t *used, uint32_t word, \
					    uint32_t end, uint32_t limit, uint64_t ret_masks[SCAN_WORDS]) \
	{ \
		SCAN(counters, true, mask_below_##NAME(at, limit)); \
	} \
	static const struct kernels kernels_##NAME = { #NAME, older_##NAME, below_##NAME };

#define UNCHECKED __attribute__((no_sanitize("thread")))

static inline bool may_be_older_scalar(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	(void)stamps, (void)now, (void)age;
	return true;
}

static inline uint64_t mask_older_scalar(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < 64; i++)
		mask |= (uint64_t)((int32_t)(now - __atomic_load_n(&stamps[i], __ATOMIC_RELAXED)) > (int32_t)age) << i;
	return mask;
}

static inline uint64_t mask_below_scalar(const uint32_t *counters, uint32_t limit)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < 64; i++)
		mask |= (uint64_t)(__atomic_load_n(&counters[i], __ATOMIC_RELAXED) < limit) << i;
	return mask;
}
DEFINE_KERNELS(scalar, )

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2"))) UNCHECKED
#define AVX512 __attribute__((target("avx512f"))) UNCHECKED

/* Two sums of a kind, so that one need not wait for the other. */
AVX2 static inline bool may_be_older_avx2(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	__m256i t = _mm256_set1_epi32((int)now), most = _mm256_set1_epi32((int)age), one = most, other = most;
#pragma GCC unroll 8
	for (unsigned i = 0; i < SCAN_WORDS * 64; i += 16) {
		__m256i stamp = _mm256_loadu_si256((const __m256i *)(const void *)(stamps + i));
		__m256i after = _mm256_loadu_si256((const __m256i *)(const void *)(stamps + i + 8));
		one = _mm256_max_epi32(one, _mm256_sub_epi32(t, stamp));
		other = _mm256_max_epi32(other, _mm256_sub_epi32(t, after));
	}
	__m256i differs = _mm256_xor_si256(_mm256_max_epi32(one, other), most);
	return !_mm256_testz_si256(differs, differs);
}

AVX2 static inline uint64_t mask_older_avx2(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	__m256i t = _mm256_set1_epi32((int)now), most = _mm256_set1_epi32((int)age);
	uint64_t mask = 0;
#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++) {
		__m256i stamp = _mm256_loadu_si256((const __m256i *)(const void *)(stamps + 8 * i));
		__m256i old = _mm256_cmpgt_epi32(_mm256_sub_epi32(t, stamp), most);
		mask |= (uint64_t)(uint8_t)_mm256_movemask_ps(_mm256_castsi256_ps(old)) << (8 * i);
	}
	return mask;
}

/* There is no unsigned comparison: what is not its own maximum with the limit is below it. */
AVX2 static inline uint64_t mask_below_avx2(const uint32_t *counters, uint32_t limit)
{
	__m256i least = _mm256_set1_epi32((int)limit);
	uint64_t mask = 0;
#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++) {
		__m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(counters + 8 * i));
		__m256i not_below = _mm256_cmpeq_epi32(_mm256_max_epu32(c, least), c);
		mask |= (uint64_t)(uint8_t)~_mm256_movemask_ps(_mm256_castsi256_ps(not_below)) << (8 * i);
	}
	return mask;
}
DEFINE_KERNELS(avx2, AVX2)

AVX512 static inline bool may_be_older_avx512(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	__m512i t = _mm512_set1_epi32((int)now), most = _mm512_set1_epi32((int)age), one = most, other = most;
#pragma GCC unroll 8
	for (unsigned i = 0; i < SCAN_WORDS * 64; i += 32) {
		one = _mm512_max_epi32(one, _mm512_sub_epi32(t, _mm512_loadu_si512(stamps + i)));
		other = _mm512_max_epi32(other, _mm512_sub_epi32(t, _mm512_loadu_si512(stamps + i + 16)));
	}
	return _mm512_cmpgt_epi32_mask(_mm512_max_epi32(one, other), most) != 0;
}

AVX512 static inline uint64_t mask_older_avx512(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	__m512i t = _mm512_set1_epi32((int)now), most = _mm512_set1_epi32((int)age);
	uint64_t mask = 0;
#pragma GCC unroll 8
	for (unsigned i = 0; i < 4; i++) {
		__m512i passed = _mm512_sub_epi32(t, _mm512_loadu_si512(stamps + 16 * i));
		mask |= (uint64_t)_mm512_cmpgt_epi32_mask(passed, most) << (16 * i);
	}
	return mask;
}

AVX512 static inline uint64_t mask_below_avx512(const uint32_t *counters, uint32_t limit)
{
	__m512i least = _mm512_set1_epi32((int)limit);
	uint64_t mask = 0;
#pragma GCC unroll 8
	for (unsigned i = 0; i < 4; i++)
		mask |= (uint64_t)_mm512_cmplt_epu32_mask(_mm512_loadu_si512(counters + 16 * i), least) << (16 * i);
	return mask;
}
DEFINE_KERNELS(avx512, AVX512)
#endif

#ifdef __aarch64__
#include <arm_neon.h>

/* Eight comparisons to a byte: each lane keeps its own bit, the sum is the mask. */
UNCHECKED static inline uint64_t byte_of(uint32x4_t low, uint32x4_t high)
{
	static const uint16_t bits[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };
	return vaddvq_u16(vandq_u16(vcombine_u16(vmovn_u32(low), vmovn_u32(high)), vld1q_u16(bits)));
}

UNCHECKED static inline bool may_be_older_neon(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	uint32x4_t t = vdupq_n_u32(now);
	int32x4_t oldest = vdupq_n_s32((int32_t)age);
	for (unsigned i = 0; i < SCAN_WORDS * 64; i += 4)
		oldest = vmaxq_s32(oldest, vreinterpretq_s32_u32(vsubq_u32(t, vld1q_u32(stamps + i))));
	return vmaxvq_s32(oldest) > (int32_t)age;
}

UNCHECKED static inline uint64_t mask_older_neon(const uint32_t *stamps, uint32_t now, uint32_t age)
{
	uint32x4_t t = vdupq_n_u32(now);
	int32x4_t most = vdupq_n_s32((int32_t)age);
	uint64_t mask = 0;
	for (unsigned i = 0; i < 64; i += 8)
		mask |= byte_of(vcgtq_s32(vreinterpretq_s32_u32(vsubq_u32(t, vld1q_u32(stamps + i))), most),
				vcgtq_s32(vreinterpretq_s32_u32(vsubq_u32(t, vld1q_u32(stamps + i + 4))), most))
			<< i;
	return mask;
}

UNCHECKED static inline uint64_t mask_below_neon(const uint32_t *counters, uint32_t limit)
{
	uint32x4_t least = vdupq_n_u32(limit);
	uint64_t mask = 0;
	for (unsigned i = 0; i < 64; i += 8)
		mask |= byte_of(vcltq_u32(vld1q_u32(counters + i), least),
				vcltq_u32(vld1q_u32(counters + i + 4), least))
			<< i;
	return mask;
}
DEFINE_KERNELS(neon, UNCHECKED)
#endif

static const struct kernels *kernels_here(uint32_t simd)
{
	switch (simd) {
	case ALLOCPOOL_SIMD_SCALAR:
		return &kernels_scalar;
#ifdef __x86_64__
	case ALLOCPOOL_SIMD_AVX2:
		return __builtin_cpu_supports("avx2") ? &kernels_avx2 : NULL;
	case ALLOCPOOL_SIMD_AVX512:
		return __builtin_cpu_supports("avx512f") ? &kernels_avx512 : NULL;
#endif
#ifdef __aarch64__
	case ALLOCPOOL_SIMD_NEON:
		return &kernels_neon;
#endif
	default:
		return NULL;
	}
}

int scan_choose(uint32_t simd, const struct kernels **ret_kernels)
{
	static const uint32_t best_first[] = { ALLOCPOOL_SIMD_AVX512, ALLOCPOOL_SIMD_AVX2, ALLOCPOOL_SIMD_NEON,
					       ALLOCPOOL_SIMD_SCALAR };
	const struct kernels *found = kernels_here(simd);
	for (size_t i = 0; simd == ALLOCPOOL_SIMD_AUTO && !found; i++)
		found = kernels_here(best_first[i]);
	if (!found)
		return -ENOTSUP;
	*ret_kernels = found;
	return 0;
}
