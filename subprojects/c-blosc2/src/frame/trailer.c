/** The frame trailer: docs/format/frame-format.md 4. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "frame/frame.h"

enum {
    LAYERS = 2,      /* after the array's marker and the version */
    LAYERS_MIN = 10, /* of an empty list */
    VERSION = 1,
    FINGERPRINT = 5, /* in the tail, after the length; what follows is of no use to a parser */
    INDEX_MIN = 16,  /* the smallest chunk header, that of Blosc1 */
};

/** Check the tail's markers. @param trailer_bytes Set to the length that it states. */
static int parse_tail(const uint8_t *tail, int64_t *trailer_bytes)
{
    if (tail[0] != 0xce || tail[FINGERPRINT] != 0xd8) {
        return blosc2_fail(
            BLOSC2_E_CORRUPT,
            "frame trailer: markers 0x%02x, 0x%02x at 23 and 18 bytes from its end (expected 0xce, 0xd8)",
            tail[0], tail[FINGERPRINT]);
    }
    *trailer_bytes = b2_load_be32(tail + 1);
    return BLOSC2_OK;
}

int b2_frame_trailer_locate(const uint8_t *tail, const b2_frame_header *header, int64_t *trailer_start)
{
    int64_t trailer_bytes = 0;
    int status = parse_tail(tail, &trailer_bytes);
    if (status < 0) return status;
    int64_t most = header->frame_bytes - header->header_bytes;
    if (trailer_bytes <= B2_FRAME_TRAILER_TAIL || trailer_bytes > most) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame trailer: trailer_len %" PRId64
                           " at 22 bytes from its end (expected %d..%" PRId64 ")",
                           trailer_bytes, B2_FRAME_TRAILER_TAIL + 1, most);
    }
    int64_t start = header->frame_bytes - trailer_bytes;
    /* No overflow: the header's parser has seen that the section fits into the frame. */
    int64_t index = header->header_bytes + (header->type == B2_FRAME_CONTIGUOUS ? header->section_bytes : 0);
    if (header->nbytes > 0 && index > start - INDEX_MIN) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame: no room for a chunk index between the chunks' end at offset %" PRId64
                           " and the trailer at %" PRId64 " (expected %d bytes or more)",
                           index, start, INDEX_MIN);
    }
    *trailer_start = start;
    return BLOSC2_OK;
}

int b2_frame_trailer_parse(const uint8_t *bytes, int64_t trailer_bytes, b2_layers *out)
{
    if (trailer_bytes < LAYERS + LAYERS_MIN + B2_FRAME_TRAILER_TAIL) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "frame trailer: only %" PRId64 " bytes (expected %d or more)",
                           trailer_bytes, LAYERS + LAYERS_MIN + B2_FRAME_TRAILER_TAIL);
    }
    if (bytes[0] != 0x94 || bytes[1] != VERSION) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame trailer: begins with 0x%02x, 0x%02x (expected 0x94, 0x01)", bytes[0],
                           bytes[1]);
    }
    int64_t tail = trailer_bytes - B2_FRAME_TRAILER_TAIL;
    int64_t stated = 0;
    int status = parse_tail(bytes + tail, &stated);
    if (status < 0) return status;
    if (stated != trailer_bytes) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "frame trailer: trailer_len %" PRId64 " at offset %" PRId64 " (expected %" PRId64
                           ")",
                           stated, tail + 1, trailer_bytes);
    }
    return b2_layers_parse(bytes, LAYERS, tail, 0, B2_LAYERS_IN_TRAILER, out);
}

int64_t b2_frame_trailer_size(const b2_layers *layers)
{
    return LAYERS + b2_layers_built_bytes(layers) + B2_FRAME_TRAILER_TAIL;
}

void b2_frame_trailer_build(const b2_layers *layers, uint8_t *out)
{
    int64_t trailer_bytes = b2_frame_trailer_size(layers);
    uint8_t *tail = out + trailer_bytes - B2_FRAME_TRAILER_TAIL;
    out[0] = 0x94;
    out[1] = VERSION;
    b2_layers_build(layers, B2_LAYERS_IN_TRAILER, LAYERS, out + LAYERS);
    memset(tail, 0, B2_FRAME_TRAILER_TAIL);
    tail[0] = 0xce;
    b2_store_be32(tail + 1, (uint32_t)trailer_bytes);
    tail[FINGERPRINT] = 0xd8;
}
