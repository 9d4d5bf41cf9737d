/**
 * Integers at any address, in a stated byte order.
 *
 * Chunks are little-endian, frames big-endian (spec: chunk-format.md, frame-format.md),
 * whatever the host is; no integer of either is aligned.
 */
#ifndef B2_BASE_BYTES_H
#define B2_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t b2_load_be16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t b2_load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t b2_load_be64(const uint8_t *p)
{
    return (uint64_t)b2_load_be32(p) << 32 | b2_load_be32(p + 4);
}

static inline uint32_t b2_load_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t b2_load_le64(const uint8_t *p)
{
    return (uint64_t)b2_load_le32(p + 4) << 32 | b2_load_le32(p);
}

static inline int32_t b2_load_le_i32(const uint8_t *p)
{
    return (int32_t)b2_load_le32(p);
}

static inline int32_t b2_load_be_i32(const uint8_t *p)
{
    return (int32_t)b2_load_be32(p);
}

static inline int64_t b2_load_be_i64(const uint8_t *p)
{
    return (int64_t)b2_load_be64(p);
}

static inline int64_t b2_load_le_i64(const uint8_t *p)
{
    return (int64_t)b2_load_le64(p);
}

static inline void b2_store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void b2_store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

static inline void b2_store_be64(uint8_t *p, uint64_t v)
{
    b2_store_be32(p, (uint32_t)(v >> 32));
    b2_store_be32(p + 4, (uint32_t)v);
}

static inline void b2_store_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8), p[2] = (uint8_t)(v >> 16), p[3] = (uint8_t)(v >> 24);
}

static inline void b2_store_le64(uint8_t *p, uint64_t v)
{
    b2_store_le32(p, (uint32_t)v);
    b2_store_le32(p + 4, (uint32_t)(v >> 32));
}

#endif
