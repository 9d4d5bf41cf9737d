/** The frame header's 87 fixed bytes: docs/format/frame-format.md 1, checks of 11. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "frame/frame.h"

/* Where the fields lie. */
enum {
    MAGIC = 2,
    HEADER_LEN = 11,
    FRAME_LEN = 16,
    GENERAL_FLAGS = 25,
    FRAME_TYPE = 26,
    CODEC_FLAGS = 27,
    OTHER_FLAGS = 28,
    NBYTES = 30,
    CBYTES = 39,
    TYPESIZE = 48,
    BLOCKSIZE = 53,
    CHUNKSIZE = 58,
    COMPRESS_THREADS = 63,
    DECOMPRESS_THREADS = 66,
    HAS_VARIABLE_LAYERS = 68,
    FILTER_COUNT = 70,
    FILTERS = 71,
    CODEC = 77,
    CODEC_META = 78,
    FILTERS_META = 79,
    DICTIONARY = 85,
};

/* Of GENERAL_FLAGS. */
enum {
    VERSION_MASK = 0x0f,
    OFFSETS_MASK = 0x30,
    OFFSETS_64_BITS = 0x10,
    VARIABLE_CHUNKS = 0x40,
    VL_BLOCKS = 0x80,
};

/* Values of other fields. */
enum {
    VERSION_PLAIN = 2,
    VERSION_VARIABLE = 3,
    CODEC_BY_ID = 6, /* in CODEC_FLAGS: see CODEC */
    MSGPACK_FALSE = 0xc2,
    MSGPACK_TRUE = 0xc3,
};

static const char MAGIC_BYTES[8] = "b2frame";

/** The msgpack types that never change. */
static const struct {
    uint8_t offset, marker;
} MARKERS[] = {
    {0, 0x9e},  {1, 0xa8},  {10, 0xd2}, {15, 0xcf}, {24, 0xa4}, {29, 0xd3}, {38, 0xd3},
    {47, 0xd2}, {52, 0xd2}, {57, 0xd2}, {62, 0xd1}, {65, 0xd1}, {69, 0xd8},
};

/* ------------------------------------------------------------------ parsing */

static int check_markers(const uint8_t *bytes)
{
    if (memcmp(bytes + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES) != 0) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame header: no magic \"b2frame\" at offset %d: not a Blosc2 frame", MAGIC);
    }
    for (size_t i = 0; i < B2_COUNT(MARKERS); i++) {
        uint8_t found = bytes[MARKERS[i].offset];
        if (found != MARKERS[i].marker) {
            return blosc2_fail(BLOSC2_E_CORRUPT, "frame header: marker 0x%02x at offset %d (expected 0x%02x)",
                               found, MARKERS[i].offset, MARKERS[i].marker);
        }
    }
    uint8_t flag = bytes[HAS_VARIABLE_LAYERS];
    if (flag != MSGPACK_FALSE && flag != MSGPACK_TRUE) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame header: marker 0x%02x at offset %d (expected 0xc2 or 0xc3)", flag,
                           HAS_VARIABLE_LAYERS);
    }
    return BLOSC2_OK;
}

static int check_flags(const uint8_t *bytes, b2_frame_type type)
{
    int flags = bytes[GENERAL_FLAGS];
    int version = flags & VERSION_MASK;
    if (version == 0 || version > VERSION_VARIABLE) {
        return blosc2_fail(version == 0 ? BLOSC2_E_CORRUPT : BLOSC2_E_UNSUPPORTED,
                           "frame header: version %d at offset %d (expected 1..3)", version, GENERAL_FLAGS);
    }
    if ((flags & OFFSETS_MASK) != OFFSETS_64_BITS) {
        return blosc2_fail(BLOSC2_E_UNSUPPORTED,
                           "frame header: offset width %d at offset %d (expected 1: 64 bits)",
                           (flags & OFFSETS_MASK) >> 4, GENERAL_FLAGS);
    }
    if (bytes[FRAME_TYPE] != type) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame header: frame_type %d at offset %d (expected %d, as it is in %s)",
                           bytes[FRAME_TYPE], FRAME_TYPE, (int)type,
                           type == B2_FRAME_SPARSE ? "a directory" : "a single file");
    }
    return BLOSC2_OK;
}

/** Check the ranges of all numbers; `h` holds them as they are in `bytes`. */
static int check_ranges(const uint8_t *bytes, const b2_frame_header *h)
{
    bool in_section = h->nbytes > 0 && h->type == B2_FRAME_CONTIGUOUS;
    const struct {
        const char *field;
        int offset;
        int64_t value, low, high;
    } ranges[] = {
        {"header_len", HEADER_LEN, h->header_bytes, B2_FRAME_HEADER_MIN, h->frame_bytes},
        {"nbytes", NBYTES, h->nbytes, 0, INT64_MAX},
        {"cbytes", CBYTES, h->section_bytes, 0, in_section ? h->frame_bytes - h->header_bytes : INT64_MAX},
        {"typesize", TYPESIZE, h->item_bytes, 1, INT32_MAX},
        {"blocksize", BLOCKSIZE, h->block_bytes, 0, INT32_MAX},
        {"chunksize", CHUNKSIZE, h->chunk_bytes, h->nbytes > 0 ? 0 : -1,
         h->nbytes > 0 ? BLOSC2_MAX_CHUNK_BYTES : INT32_MAX},
        {"number of filters", FILTER_COUNT, bytes[FILTER_COUNT], 0, BLOSC2_MAX_FILTERS},
    };
    for (size_t i = 0; i < B2_COUNT(ranges); i++) {
        if (ranges[i].value < ranges[i].low) {
            return blosc2_fail(BLOSC2_E_CORRUPT,
                               "frame header: %s %" PRId64 " at offset %d (expected %" PRId64 " or more)",
                               ranges[i].field, ranges[i].value, ranges[i].offset, ranges[i].low);
        }
        if (ranges[i].value > ranges[i].high) {
            return blosc2_fail(BLOSC2_E_CORRUPT,
                               "frame header: %s %" PRId64 " at offset %d (expected %" PRId64 " or less)",
                               ranges[i].field, ranges[i].value, ranges[i].offset, ranges[i].high);
        }
    }
    int64_t count = b2_frame_chunk_count(h);
    if (count > B2_FRAME_CHUNK_COUNT_MAX) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame header: nbytes %" PRId64 " at offset %d are %" PRId64
                           " chunks (expected %d or less)",
                           h->nbytes, NBYTES, count, B2_FRAME_CHUNK_COUNT_MAX);
    }
    return BLOSC2_OK;
}

/** Read all fields; frame_len was checked to fit. */
static b2_frame_header load(const uint8_t *bytes)
{
    int codec = bytes[CODEC_FLAGS] & 0x0f;
    b2_frame_header h = {
        .header_bytes = b2_load_be_i32(bytes + HEADER_LEN),
        .frame_bytes = b2_load_be_i64(bytes + FRAME_LEN),
        .version = bytes[GENERAL_FLAGS] & VERSION_MASK,
        .type = bytes[FRAME_TYPE] ? B2_FRAME_SPARSE : B2_FRAME_CONTIGUOUS,
        .vl_blocks = (bytes[GENERAL_FLAGS] & VL_BLOCKS) != 0,
        .codec = codec == CODEC_BY_ID ? bytes[CODEC] : codec,
        .clevel = bytes[CODEC_FLAGS] >> 4,
        .split = (bytes[OTHER_FLAGS] & 3) + 1,
        .nbytes = b2_load_be_i64(bytes + NBYTES),
        .section_bytes = b2_load_be_i64(bytes + CBYTES),
        .item_bytes = b2_load_be_i32(bytes + TYPESIZE),
        .block_bytes = b2_load_be_i32(bytes + BLOCKSIZE),
        .chunk_bytes = b2_load_be_i32(bytes + CHUNKSIZE),
        .has_variable_layers = bytes[HAS_VARIABLE_LAYERS] == MSGPACK_TRUE,
        .codec_meta = bytes[CODEC_META],
        .use_dict = bytes[DICTIONARY] & 1,
    };
    h.variable_chunks = h.chunk_bytes == 0;
    for (int i = 0; i < bytes[FILTER_COUNT] && i < BLOSC2_MAX_FILTERS; i++) {
        h.filters[i] = bytes[FILTERS + i];
        h.filters_meta[i] = bytes[FILTERS_META + i];
    }
    return h;
}

int b2_frame_header_parse(const uint8_t *bytes, int64_t available, b2_frame_type type, b2_frame_header *out)
{
    if (available < B2_FRAME_HEADER_MIN) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "frame header: only %" PRId64 " bytes (expected %d or more)",
                           available, B2_FRAME_HEADER_MIN);
    }
    int status = check_markers(bytes);
    if (status == BLOSC2_OK) status = check_flags(bytes, type);
    if (status < 0) return status;
    uint64_t frame_bytes = b2_load_be64(bytes + FRAME_LEN);
    if (frame_bytes > (uint64_t)available) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame header: frame_len %" PRIu64 " at offset %d, but only %" PRId64
                           " bytes are there: truncated",
                           frame_bytes, FRAME_LEN, available);
    }
    b2_frame_header header = load(bytes);
    status = check_ranges(bytes, &header);
    if (status < 0) return status;
    if (header.nbytes == 0) header.section_bytes = 0; /* can be stale: frame-format.md 5 */
    *out = header;
    return BLOSC2_OK;
}

int b2_frame_header_layers(const uint8_t *bytes, const b2_frame_header *header, b2_layers *out)
{
    return b2_layers_parse(bytes, B2_FRAME_HEADER_MIN, header->header_bytes, 0, B2_LAYERS_IN_HEADER, out);
}

/* ------------------------------------------------------------------ building */

int64_t b2_frame_header_size(const b2_layers *layers)
{
    return B2_FRAME_HEADER_MIN + b2_layers_built_bytes(layers);
}

void b2_frame_header_build(const b2_frame_header *header, const b2_layers *layers, uint8_t *out)
{
    bool variable = header->chunk_bytes == 0;
    int version = variable || header->vl_blocks ? VERSION_VARIABLE : VERSION_PLAIN;
    int codec = header->codec < CODEC_BY_ID ? header->codec : CODEC_BY_ID;
    memset(out, 0, (size_t)header->header_bytes);
    for (size_t i = 0; i < B2_COUNT(MARKERS); i++) out[MARKERS[i].offset] = MARKERS[i].marker;
    memcpy(out + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES);
    b2_store_be32(out + HEADER_LEN, (uint32_t)header->header_bytes);
    b2_store_be64(out + FRAME_LEN, (uint64_t)header->frame_bytes);
    out[GENERAL_FLAGS] = (uint8_t)(version | OFFSETS_64_BITS | (variable ? VARIABLE_CHUNKS : 0) |
                                   (header->vl_blocks ? VL_BLOCKS : 0));
    out[FRAME_TYPE] = (uint8_t)header->type;
    out[CODEC_FLAGS] = (uint8_t)(codec | header->clevel << 4);
    out[OTHER_FLAGS] = (uint8_t)(header->split - 1);
    b2_store_be64(out + NBYTES, (uint64_t)header->nbytes);
    b2_store_be64(out + CBYTES, (uint64_t)header->section_bytes);
    b2_store_be32(out + TYPESIZE, (uint32_t)header->item_bytes);
    b2_store_be32(out + BLOCKSIZE, (uint32_t)header->block_bytes);
    b2_store_be32(out + CHUNKSIZE, (uint32_t)header->chunk_bytes);
    b2_store_be16(out + COMPRESS_THREADS, 1);
    b2_store_be16(out + DECOMPRESS_THREADS, 1);
    out[HAS_VARIABLE_LAYERS] = header->has_variable_layers ? MSGPACK_TRUE : MSGPACK_FALSE;
    out[FILTER_COUNT] = BLOSC2_MAX_FILTERS;
    memcpy(out + FILTERS, header->filters, BLOSC2_MAX_FILTERS);
    out[CODEC] = (uint8_t)header->codec;
    out[CODEC_META] = header->codec_meta;
    memcpy(out + FILTERS_META, header->filters_meta, BLOSC2_MAX_FILTERS);
    out[DICTIONARY] = header->use_dict;
    b2_layers_build(layers, B2_LAYERS_IN_HEADER, B2_FRAME_HEADER_MIN, out + B2_FRAME_HEADER_MIN);
}
