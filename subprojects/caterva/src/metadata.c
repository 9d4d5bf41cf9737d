#include "metadata.h"

#include <inttypes.h>
#include <string.h>

/* msgpack markers; 16 axes make 0xa0 of an array's, which is what all libraries write and read. */
enum {
    MARK_ARRAY = 0x90,
    MARK_BIN8 = 0xc4,
    MARK_BIN16 = 0xc5,
    MARK_BIN32 = 0xc6,
    MARK_I32 = 0xd2,
    MARK_I64 = 0xd3,
    MARK_STR32 = 0xdb,
};

enum {
    CATERVA_FIELDS = 5, /* version, ndim, shape, chunks, blocks */
    B2ND_FIELDS = 7,    /* and dtype format, dtype */
    VERSION = 0,
    DTYPE_NUMPY = 0,
    AXIS_BYTES = 9 + 5 + 5,
    SHAPE = 4, /* where it begins, after fields, version, ndim and its marker */
};

const char *cat_metadata_name(cat_metadata_kind kind)
{
    return kind == CAT_METADATA_CATERVA ? "caterva" : "b2nd";
}

bool cat_metadata_is_own(const char *name)
{
    return strcmp(name, "caterva") == 0 || strcmp(name, "b2nd") == 0;
}

bool cat_metadata_suits_caterva(const caterva_geometry *geometry)
{
    return geometry->ndim >= 1 && geometry->ndim <= 8 && geometry->item_bytes <= 255;
}

int64_t cat_metadata_size(cat_metadata_kind kind, int ndim, const char *dtype)
{
    int64_t size = 6 + (int64_t)AXIS_BYTES * ndim;
    return kind == CAT_METADATA_CATERVA ? size : size + 6 + (int64_t)strlen(dtype);
}

/* ------------------------------------------------------------------ building */

static uint8_t *put_u8(uint8_t *p, int value)
{
    *p = (uint8_t)value;
    return p + 1;
}

static uint8_t *put_be(uint8_t *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return p + bytes;
}

static uint8_t *put_i32s(uint8_t *p, int count, const int32_t *values)
{
    p = put_u8(p, MARK_ARRAY + count);
    for (int i = 0; i < count; i++) p = put_be(put_u8(p, MARK_I32), (uint32_t)values[i], 4);
    return p;
}

void cat_metadata_build(cat_metadata_kind kind, const caterva_geometry *geometry, const char *dtype,
                        uint8_t *out)
{
    int ndim = geometry->ndim;
    uint8_t *p = put_u8(out, MARK_ARRAY + (kind == CAT_METADATA_CATERVA ? CATERVA_FIELDS : B2ND_FIELDS));
    p = put_u8(p, VERSION);
    p = put_u8(p, ndim);
    p = put_u8(p, MARK_ARRAY + ndim);
    for (int d = 0; d < ndim; d++) p = put_be(put_u8(p, MARK_I64), (uint64_t)geometry->shape[d], 8);
    p = put_i32s(p, ndim, geometry->chunks);
    p = put_i32s(p, ndim, geometry->blocks);
    if (kind == CAT_METADATA_CATERVA) return;
    size_t dtype_bytes = strlen(dtype);
    p = put_u8(p, DTYPE_NUMPY);
    p = put_be(put_u8(p, MARK_STR32), dtype_bytes, 4);
    memcpy(p, dtype, dtype_bytes);
}

int32_t cat_fill_build(const void *value, int32_t value_bytes, uint8_t *out)
{
    int width = value_bytes <= UINT8_MAX ? 1 : value_bytes <= UINT16_MAX ? 2 : 4;
    uint8_t *p = put_u8(out, width == 1 ? MARK_BIN8 : width == 2 ? MARK_BIN16 : MARK_BIN32);
    p = put_be(p, (uint64_t)value_bytes, width);
    memcpy(p, value, (size_t)value_bytes);
    return 1 + width + value_bytes;
}

bool cat_metadata_set_shape(uint8_t *bytes, int32_t size, int ndim, const int64_t *shape)
{
    if (size < SHAPE + 9 * ndim || bytes[2] != ndim || bytes[3] != MARK_ARRAY + ndim) return false;
    uint8_t *p = bytes + SHAPE;
    for (int d = 0; d < ndim; d++) p = put_be(put_u8(p, MARK_I64), (uint64_t)shape[d], 8);
    return true;
}

/* ------------------------------------------------------------------ parsing */

const uint8_t *cat_fill_parse(const uint8_t *bytes, int32_t size, int32_t value_bytes)
{
    int width = size < 1 ? 0 : bytes[0] == MARK_BIN8 ? 1 : bytes[0] == MARK_BIN16 ? 2 : 4;
    bool is_bin = size > width && bytes[0] >= MARK_BIN8 && bytes[0] <= MARK_BIN32;
    if (!is_bin || size - 1 - width != value_bytes) return NULL;
    uint32_t stated = 0;
    for (int i = 0; i < width; i++) stated = stated << 8 | bytes[1 + i];
    return stated == (uint32_t)value_bytes ? bytes + 1 + width : NULL;
}

/** Reads forward; the first failure stays, and what is read after it is 0. */
typedef struct reader {
    const char *layer;
    const uint8_t *bytes;
    int32_t size;
    int32_t position;
    int status;
} reader;

static int64_t take(reader *r, int bytes, const char *field)
{
    if (r->status < 0) return 0;
    if (r->size - r->position < bytes) {
        r->status = blosc2_fail(BLOSC2_E_CORRUPT, "%s: ends at byte %" PRId32 ", within %s", r->layer,
                                r->size, field);
        return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | r->bytes[r->position + i];
    r->position += bytes;
    if (bytes == 4) return (int32_t)(uint32_t)value;
    return (int64_t)value;
}

/** Fail for the field of `bytes` bytes just read, unless its value is in range. */
static void check_range(reader *r, int bytes, int64_t value, int64_t low, int64_t high, int status,
                        const char *field)
{
    if (r->status < 0 || (value >= low && value <= high)) return;
    r->status =
        blosc2_fail(status, "%s: byte %" PRId32 ": %s %" PRId64 " (expected %" PRId64 "..%" PRId64 ")",
                    r->layer, r->position - bytes, field, value, low, high);
}

static void take_marker(reader *r, int expected, const char *field)
{
    int64_t found = take(r, 1, field);
    if (r->status < 0 || found == expected) return;
    r->status = blosc2_fail(BLOSC2_E_CORRUPT, "%s: byte %" PRId32 ": marker 0x%02x of %s (expected 0x%02x)",
                            r->layer, r->position - 1, (unsigned)found, field, (unsigned)expected);
}

static int64_t take_extent(reader *r, int marker, const char *field)
{
    int bytes = marker == MARK_I64 ? 8 : 4;
    take_marker(r, marker, field);
    int64_t extent = take(r, bytes, field);
    check_range(r, bytes, extent, 0, INT64_MAX, BLOSC2_E_CORRUPT, field);
    return extent;
}

static void take_geometry(reader *r, caterva_geometry *geometry)
{
    int64_t version = take(r, 1, "version");
    check_range(r, 1, version, VERSION, VERSION, BLOSC2_E_UNSUPPORTED, "version");
    int64_t ndim = take(r, 1, "ndim");
    check_range(r, 1, ndim, 0, CATERVA_MAX_NDIM, BLOSC2_E_CORRUPT, "ndim");
    if (r->status < 0) return;
    geometry->ndim = (int)ndim;
    take_marker(r, MARK_ARRAY + geometry->ndim, "shape");
    for (int d = 0; d < ndim; d++) geometry->shape[d] = take_extent(r, MARK_I64, "shape");
    take_marker(r, MARK_ARRAY + geometry->ndim, "chunkshape");
    for (int d = 0; d < ndim; d++) geometry->chunks[d] = (int32_t)take_extent(r, MARK_I32, "chunkshape");
    take_marker(r, MARK_ARRAY + geometry->ndim, "blockshape");
    for (int d = 0; d < ndim; d++) geometry->blocks[d] = (int32_t)take_extent(r, MARK_I32, "blockshape");
}

static void take_dtype(reader *r, cat_metadata *out)
{
    int64_t format = take(r, 1, "dtype format");
    check_range(r, 1, format, DTYPE_NUMPY, DTYPE_NUMPY, BLOSC2_E_UNSUPPORTED, "dtype format");
    take_marker(r, MARK_STR32, "dtype");
    int64_t bytes = take(r, 4, "dtype size");
    check_range(r, 4, bytes, 0, r->size - r->position, BLOSC2_E_CORRUPT, "dtype size");
    if (r->status < 0) return;
    out->dtype = r->bytes + r->position;
    out->dtype_bytes = (int32_t)bytes;
    r->position += out->dtype_bytes;
    if (!cat_is_text(out->dtype, out->dtype_bytes)) {
        r->status = blosc2_fail(BLOSC2_E_CORRUPT, "%s: the dtype is not UTF-8 text", r->layer);
    }
}

int cat_metadata_parse(cat_metadata_kind kind, const uint8_t *bytes, int32_t size, cat_metadata *out)
{
    cat_metadata found = {.dtype = bytes};
    reader r = {.layer = cat_metadata_name(kind), .bytes = bytes, .size = size};
    int fields = (int)take(&r, 1, "array") - MARK_ARRAY;
    take_geometry(&r, &found.geometry);
    /* A "b2nd" may end here, without a dtype, as the real library accepts. */
    bool ends_early = kind == CAT_METADATA_B2ND && r.position == size;
    if (kind == CAT_METADATA_B2ND && !ends_early) take_dtype(&r, &found);
    if (r.status < 0) return r.status;
    int full = kind == CAT_METADATA_CATERVA ? CATERVA_FIELDS : B2ND_FIELDS;
    bool known = fields == full || (ends_early && fields == CATERVA_FIELDS);
    if (!known) return blosc2_fail(BLOSC2_E_CORRUPT, "%s: byte 0: array of %d fields", r.layer, fields);
    if (r.position != size) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: %" PRId32 " bytes (expected %" PRId32 ")", r.layer, size,
                           r.position);
    }
    *out = found;
    return BLOSC2_OK;
}

/** Bytes of the UTF-8 sequence at `p`, 0 if it is none: shortest form, no surrogates, up to U+10FFFF. */
static int sequence_bytes(const uint8_t *p, int64_t available)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80) return 1;
    int bytes = p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (bytes == 0 || bytes > available) return 0;
    uint32_t code = p[0] & (0xffu >> (bytes + 1));
    for (int i = 1; i < bytes; i++) {
        if (p[i] >> 6 != 2) return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < smallest[bytes] || surrogate || code > 0x10ffff ? 0 : bytes;
}

bool cat_is_text(const uint8_t *bytes, int64_t size)
{
    for (int64_t i = 0; i < size;) {
        int step = bytes[i] ? sequence_bytes(bytes + i, size - i) : 0;
        if (step == 0) return false;
        i += step;
    }
    return true;
}
