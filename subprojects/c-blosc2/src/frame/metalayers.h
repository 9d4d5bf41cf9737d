/**
 * Metalayers: named bytes in a frame's header (fixed) or trailer (variable). Pure: bytes in, list out.
 * Byte layout: docs/format/frame-format.md 2.
 */
#ifndef B2_FRAME_METALAYERS_H
#define B2_FRAME_METALAYERS_H

#include <stdint.h>

#include "base/memory.h"
#include "blosc2.h"

/** Most layers in a list. A header takes only BLOSC2_MAX_METALAYERS: its writer sees to that. */
enum { B2_LAYERS_MAX = 8192 };

typedef struct b2_layer {
    char name[BLOSC2_MAX_NAME_BYTES + 1]; /* UTF-8, NUL-terminated; "" occurs in files */
    uint8_t *content;                     /* owned */
    int32_t content_bytes;
} b2_layer;

/** An ordered list; `{0}` is empty. */
typedef struct b2_layers {
    b2_layer *items; /* owned */
    int count;
} b2_layers;

/** Release the contents and the list, which is then empty. */
void b2_layers_free(b2_layers *layers);

/** Position of a name, or -1. */
int b2_layers_find(const b2_layers *layers, const char *name);

/**
 * Set a layer, replacing one of that name or at the end; the content is copied. On failure nothing changes.
 *
 * @return BLOSC2_OK, BLOSC2_E_MEMORY, BLOSC2_E_ARGUMENT (name not UTF-8 of 1..31 bytes, content_bytes < 0,
 *         list full).
 */
int b2_layers_set(b2_layers *layers, const char *name, const uint8_t *content, int32_t content_bytes);

/** Take layer `index`, 0 <= index < count, out of the list; later ones move up. */
void b2_layers_remove(b2_layers *layers, int index);

/** Copy a list. @param to Set on success only; what it held is not released. @return As b2_layers_set(). */
int b2_layers_copy(const b2_layers *from, b2_layers *to);

typedef enum b2_layers_place { B2_LAYERS_IN_HEADER, B2_LAYERS_IN_TRAILER } b2_layers_place;

/**
 * Parse the array of metalayers that begins at `start` of `bytes` and ends by `limit`: in a trailer exactly
 * there. The contents must follow one another in the order of the index, as they do in valid msgpack; so the
 * memory taken is bounded by the section's size.
 *
 * @param start  0 <= start <= limit; `bytes` has `limit` bytes.
 * @param base   What the stored offsets count from, relative to `bytes`: where the frame starts for a header,
 *               where the trailer starts for a trailer.
 * @param out    Contents are as stored: a trailer's are still chunks. Set on success only.
 * @return BLOSC2_OK, BLOSC2_E_MEMORY, BLOSC2_E_CORRUPT (also: over 16 layers in a header, 8192 in a trailer;
 *         names with a NUL byte, not UTF-8, or repeated).
 */
int b2_layers_parse(const uint8_t *bytes, int64_t start, int64_t limit, int64_t base, b2_layers_place place,
                    b2_layers *out);

/** Bytes that b2_layers_build() will write. The format holds INT32_MAX, base included: the caller checks. */
int64_t b2_layers_built_bytes(const b2_layers *layers);

/** Where the first content of an array of metalayers begins, counted from the array's start; each next one
 * comes B2_LAYERS_CONTENT_FIXED bytes behind the one before. */
int64_t b2_layers_first_content(const b2_layers *layers);

enum { B2_LAYERS_CONTENT_FIXED = 5 }; /* marker and length before each content */

/**
 * Write the array of metalayers.
 * @param base_position  Where `out` lies, from what offsets count from: 87 in a header, 2 in a trailer.
 */
void b2_layers_build(const b2_layers *layers, b2_layers_place place, int32_t base_position, uint8_t *out);

#endif
