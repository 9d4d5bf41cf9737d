/**
 * The metalayers that make a super-chunk an array: bytes in, geometry out, and back. Pure.
 * Byte layout: docs/format/ndim-metalayers.md 1.
 */
#ifndef CAT_METADATA_H
#define CAT_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "caterva.h"

#define CAT_FILL_LAYER "caterva_fill" /* variable: a fill value that is not zeros, as msgpack bin */

enum { CAT_FILL_OVERHEAD = 5 }; /* at most, before the value */

typedef enum cat_metadata_kind { CAT_METADATA_CATERVA, CAT_METADATA_B2ND } cat_metadata_kind;

/** "caterva" or "b2nd". */
const char *cat_metadata_name(cat_metadata_kind kind);

/** True for the names of both. */
bool cat_metadata_is_own(const char *name);

/** True for arrays that old Caterva can know too, which get both layers: 1..8 axes, items up to 255 bytes. */
bool cat_metadata_suits_caterva(const caterva_geometry *geometry);

/** Bytes that cat_metadata_build() will write. */
int64_t cat_metadata_size(cat_metadata_kind kind, int ndim, const char *dtype);

/** Write the layer of a checked geometry; `dtype` is for "b2nd" alone. */
void cat_metadata_build(cat_metadata_kind kind, const caterva_geometry *geometry, const char *dtype,
                        uint8_t *out);

/** Put another shape into a layer of `ndim` axes; its length stays. False if it is no such layer. */
bool cat_metadata_set_shape(uint8_t *bytes, int32_t size, int ndim, const int64_t *shape);

/** What a layer says. */
typedef struct cat_metadata {
    caterva_geometry
        geometry;         /* ndim and signs are checked, the rest is cat_layout_init()'s; no item_bytes */
    const uint8_t *dtype; /* not NUL-terminated, but without NUL inside; points into the layer */
    int32_t dtype_bytes;  /* 0 where there is none */
} cat_metadata;

/** @return BLOSC2_OK, BLOSC2_E_CORRUPT, BLOSC2_E_UNSUPPORTED (version, dtype format). */
int cat_metadata_parse(cat_metadata_kind kind, const uint8_t *bytes, int32_t size, cat_metadata *out);

/** True if the bytes are UTF-8 without NUL. */
bool cat_is_text(const uint8_t *bytes, int64_t size);

/**
 * Write the content of CAT_FILL_LAYER.
 * @param out  Has room for CAT_FILL_OVERHEAD more bytes than the value.
 * @return Bytes written.
 */
int32_t cat_fill_build(const void *value, int32_t value_bytes, uint8_t *out);

/** The value of `value_bytes` bytes in a content of CAT_FILL_LAYER; NULL if there is no such value in it. */
const uint8_t *cat_fill_parse(const uint8_t *bytes, int32_t size, int32_t value_bytes);

#endif
