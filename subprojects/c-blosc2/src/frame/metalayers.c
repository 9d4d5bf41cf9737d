/** Metalayers, in memory and as bytes: docs/format/frame-format.md 2. */
#include "frame/metalayers.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

enum {
    MAP_START = 7,    /* array of 3, size of the index, count */
    ENTRY_FIXED = 6,  /* of an entry in the map: all but the name */
    VALUES_FIXED = 3, /* marker and count before the contents */
    CONTENT_FIXED = B2_LAYERS_CONTENT_FIXED,
};

/* ------------------------------------------------------------------ names */

/** Bytes of the UTF-8 sequence that `lead` begins, 0 if none does. */
static size_t sequence_bytes(uint8_t lead)
{
    if (lead < 0x80) return 1;
    if (lead < 0xc2) return 0; /* inside of a sequence, or overlong */
    if (lead < 0xe0) return 2;
    if (lead < 0xf0) return 3;
    return lead < 0xf5 ? 4 : 0;
}

/** Strict: no overlong forms, no surrogates, nothing above U+10FFFF (Unicode standard, table 3-7). */
static bool is_utf8(const uint8_t *s, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t length = sequence_bytes(s[i]);
        if (length == 0 || length > bytes - i) return false;
        for (size_t k = 1; k < length; k++) {
            if ((s[i + k] & 0xc0) != 0x80) return false;
        }
        uint8_t second = length > 1 ? s[i + 1] : 0;
        if (s[i] == 0xe0 && second < 0xa0) return false; /* overlong */
        if (s[i] == 0xed && second > 0x9f) return false; /* surrogate */
        if (s[i] == 0xf0 && second < 0x90) return false; /* overlong */
        if (s[i] == 0xf4 && second > 0x8f) return false; /* above U+10FFFF */
        i += length;
    }
    return true;
}

/* ------------------------------------------------------------------ the list */

/** Give a layer that has none its content, a copy. */
static int set_content(b2_layer *layer, const uint8_t *content, int32_t content_bytes)
{
    uint8_t *copy = b2_malloc((size_t)content_bytes);
    if (!copy) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %" PRId32 " bytes", content_bytes);
    if (content_bytes > 0) memcpy(copy, content, (size_t)content_bytes);
    layer->content = copy;
    layer->content_bytes = content_bytes;
    return BLOSC2_OK;
}

void b2_layers_free(b2_layers *layers)
{
    for (int i = 0; i < layers->count; i++) b2_free(layers->items[i].content);
    b2_free(layers->items);
    *layers = (b2_layers){0};
}

int b2_layers_find(const b2_layers *layers, const char *name)
{
    for (int i = 0; i < layers->count; i++) {
        if (strcmp(layers->items[i].name, name) == 0) return i;
    }
    return -1;
}

static int append(b2_layers *layers, const b2_layer *layer)
{
    size_t bytes = ((size_t)layers->count + 1) * sizeof *layers->items;
    b2_layer *grown = b2_realloc(layers->items, bytes);
    if (!grown) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %zu bytes", bytes);
    layers->items = grown;
    layers->items[layers->count++] = *layer;
    return BLOSC2_OK;
}

int b2_layers_set(b2_layers *layers, const char *name, const uint8_t *content, int32_t content_bytes)
{
    size_t name_bytes = strlen(name);
    if (name_bytes < 1 || name_bytes > BLOSC2_MAX_NAME_BYTES) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer name: %zu bytes (expected 1..%d)", name_bytes,
                           BLOSC2_MAX_NAME_BYTES);
    }
    if (!is_utf8((const uint8_t *)name, name_bytes)) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer name: not UTF-8");
    }
    if (content_bytes < 0) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer \"%s\": %" PRId32 " bytes (expected 0 or more)",
                           name, content_bytes);
    }
    int index = b2_layers_find(layers, name);
    if (index < 0 && layers->count >= B2_LAYERS_MAX) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer \"%s\": there are %d already (limit %d)", name,
                           layers->count, B2_LAYERS_MAX);
    }
    /* Made before anything changes: `name` and `content` may belong to a layer of the list. */
    b2_layer layer = {0};
    memcpy(layer.name, name, name_bytes);
    int status = set_content(&layer, content, content_bytes);
    if (status < 0) return status;
    if (index >= 0) {
        b2_free(layers->items[index].content);
        layers->items[index] = layer;
        return BLOSC2_OK;
    }
    status = append(layers, &layer);
    if (status < 0) b2_free(layer.content);
    return status;
}

void b2_layers_remove(b2_layers *layers, int index)
{
    b2_free(layers->items[index].content);
    layers->count--;
    memmove(&layers->items[index], &layers->items[index + 1],
            (size_t)(layers->count - index) * sizeof *layers->items);
}

int b2_layers_copy(const b2_layers *from, b2_layers *to)
{
    b2_layers copy = {0};
    int status = BLOSC2_OK;
    for (int i = 0; i < from->count && status == BLOSC2_OK; i++) {
        const b2_layer *item = &from->items[i];
        b2_layer layer = {0};
        memcpy(layer.name, item->name, sizeof layer.name);
        status = set_content(&layer, item->content, item->content_bytes);
        if (status == BLOSC2_OK) status = append(&copy, &layer);
        if (status < 0) b2_free(layer.content);
    }
    if (status < 0) {
        b2_layers_free(&copy);
    } else {
        *to = copy;
    }
    return status;
}

/* ------------------------------------------------------------------ parsing */

/** The bytes around an array of metalayers. */
typedef struct section {
    const uint8_t *bytes;
    int64_t limit;    /* where the array's room ends */
    int64_t base;     /* what stored offsets count from */
    const char *name; /* for messages, whose offsets count from the base too */
} section;

/** Check that `bytes` bytes at `at` are inside, and begin with `marker` where its `mask` has ones. */
static int expect(const section *s, const char *field, int64_t at, int64_t bytes, int marker, int mask)
{
    if (bytes > s->limit - at) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: no room for %s at offset %" PRId64 " (limit %" PRId64 ")",
                           s->name, field, at - s->base, s->limit - s->base);
    }
    if ((s->bytes[at] & mask) != marker) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: %s at offset %" PRId64 ": marker 0x%02x (expected 0x%02x)",
                           s->name, field, at - s->base, s->bytes[at], marker);
    }
    return BLOSC2_OK;
}

/** Parse the map's entry at `*at` into the name of a new last layer, and step over it; its offset has time.
 */
static int parse_entry(const section *s, int64_t *at, b2_layers *layers)
{
    int status = expect(s, "metalayer name", *at, 1, 0xa0, 0xe0);
    if (status < 0) return status;
    int length = s->bytes[*at] & 0x1f;
    const uint8_t *name = s->bytes + *at + 1;
    status = expect(s, "metalayer entry", *at, ENTRY_FIXED + length, 0xa0 + length, 0xff);
    if (status < 0) return status;
    if (memchr(name, 0, (size_t)length) || !is_utf8(name, (size_t)length)) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "%s: metalayer name at offset %" PRId64 " is not UTF-8 without NUL", s->name,
                           *at - s->base);
    }
    b2_layer *layer = &layers->items[layers->count]; /* all zero */
    memcpy(layer->name, name, (size_t)length);
    if (b2_layers_find(layers, layer->name) >= 0) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: metalayer \"%s\" at offset %" PRId64 " is there twice",
                           s->name, layer->name, *at - s->base);
    }
    layers->count++;
    *at += 1 + length;
    status = expect(s, "metalayer offset", *at, CONTENT_FIXED, 0xd2, 0xff);
    *at += CONTENT_FIXED;
    return status;
}

/** Copy the content at `*at`, where a map entry's `offset` must point, into `layer`, and step over it. */
static int parse_content(const section *s, int64_t *at, int32_t offset, b2_layer *layer)
{
    /* That contents are apart also bounds what they take by the section's size. */
    if (offset != *at - s->base) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "%s: metalayer \"%s\": offset %" PRId32 " (expected %" PRId64 ")", s->name,
                           layer->name, offset, *at - s->base);
    }
    int status = expect(s, "metalayer content", *at, CONTENT_FIXED, 0xc6, 0xff);
    if (status < 0) return status;
    uint32_t length = b2_load_be32(s->bytes + *at + 1);
    int64_t room = b2_min_i64(s->limit - *at - CONTENT_FIXED, INT32_MAX);
    if (length > room) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "%s: metalayer \"%s\": length %" PRIu32 " at offset %" PRId64 " (limit %" PRId64
                           ")",
                           s->name, layer->name, length, *at + 1 - s->base, room);
    }
    *at += CONTENT_FIXED;
    status = set_content(layer, s->bytes + *at, (int32_t)length);
    *at += length;
    return status;
}

/** Parse `count` layers whose map begins at `at` into `layers`, which has room for them. */
static int parse_items(const section *s, int64_t at, int count, b2_layers_place place, b2_layers *layers)
{
    int64_t entry = at;
    for (int i = 0; i < count; i++) {
        int status = parse_entry(s, &at, layers);
        if (status < 0) return status;
    }
    int status = expect(s, "metalayer values", at, VALUES_FIXED, 0xdc, 0xff);
    if (status < 0) return status;
    int values = b2_load_be16(s->bytes + at + 1);
    if (values != count) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: %d metalayer values at offset %" PRId64 " (expected %d)",
                           s->name, values, at + 1 - s->base, count);
    }
    at += VALUES_FIXED;
    for (int i = 0; i < count; i++) {
        entry += ENTRY_FIXED + (s->bytes[entry] & 0x1f);
        status = parse_content(s, &at, b2_load_be_i32(s->bytes + entry - 4), &layers->items[i]);
        if (status < 0) return status;
    }
    if (place == B2_LAYERS_IN_TRAILER && at != s->limit) { /* a header may have room to spare */
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "%s: metalayers end at offset %" PRId64 " (expected %" PRId64 ")", s->name,
                           at - s->base, s->limit - s->base);
    }
    return BLOSC2_OK;
}

int b2_layers_parse(const uint8_t *bytes, int64_t start, int64_t limit, int64_t base, b2_layers_place place,
                    b2_layers *out)
{
    bool in_header = place == B2_LAYERS_IN_HEADER;
    section s = {bytes, limit, base, in_header ? "frame header" : "frame trailer"};
    int status = expect(&s, "metalayers", start, MAP_START + VALUES_FIXED, 0x93, 0xff);
    if (status == BLOSC2_OK) status = expect(&s, "metalayer index size", start + 1, 3, 0xcd, 0xff);
    if (status == BLOSC2_OK) status = expect(&s, "metalayer map", start + 4, 3, 0xde, 0xff);
    if (status < 0) return status;
    int count = b2_load_be16(bytes + start + 5);
    int64_t room = (limit - start - MAP_START - VALUES_FIXED) / (ENTRY_FIXED + CONTENT_FIXED);
    int most = (int)b2_min_i64(room, in_header ? BLOSC2_MAX_METALAYERS : B2_LAYERS_MAX);
    if (count > most) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: %d metalayers at offset %" PRId64 " (limit %d)", s.name,
                           count, start + 5 - base, most);
    }
    b2_layers layers = {.items = b2_calloc((size_t)count * sizeof *layers.items)};
    if (!layers.items) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %d metalayers", count);
    status = parse_items(&s, start + MAP_START, count, place, &layers);
    if (status < 0) {
        b2_layers_free(&layers);
    } else {
        *out = layers;
    }
    return status;
}

/* ------------------------------------------------------------------ building */

static int64_t values_start(const b2_layers *layers)
{
    int64_t bytes = MAP_START;
    for (int i = 0; i < layers->count; i++) bytes += ENTRY_FIXED + (int64_t)strlen(layers->items[i].name);
    return bytes;
}

int64_t b2_layers_first_content(const b2_layers *layers)
{
    return values_start(layers) + VALUES_FIXED + CONTENT_FIXED;
}

int64_t b2_layers_built_bytes(const b2_layers *layers)
{
    int64_t bytes = values_start(layers) + VALUES_FIXED;
    for (int i = 0; i < layers->count; i++) bytes += CONTENT_FIXED + layers->items[i].content_bytes;
    return bytes;
}

static uint8_t *put16(uint8_t *p, uint8_t marker, int64_t value)
{
    *p = marker;
    b2_store_be16(p + 1, (uint16_t)value);
    return p + 3;
}

static uint8_t *put32(uint8_t *p, uint8_t marker, int64_t value)
{
    *p = marker;
    b2_store_be32(p + 1, (uint32_t)value);
    return p + 5;
}

void b2_layers_build(const b2_layers *layers, b2_layers_place place, int32_t base_position, uint8_t *out)
{
    int64_t values = values_start(layers);
    /* Over 1771 layers with long names it does not fit into its 16 bits; readers ignore it. */
    int64_t index_bytes = b2_min_i64(place == B2_LAYERS_IN_HEADER ? values : values - 1, UINT16_MAX);
    int64_t offset = base_position + values + VALUES_FIXED;
    uint8_t *p = out;
    *p++ = 0x93;
    p = put16(p, 0xcd, index_bytes);
    p = put16(p, 0xde, layers->count);
    for (int i = 0; i < layers->count; i++) {
        const b2_layer *layer = &layers->items[i];
        size_t length = strlen(layer->name);
        *p++ = (uint8_t)(0xa0 + length);
        memcpy(p, layer->name, length);
        p = put32(p + length, 0xd2, offset);
        offset += CONTENT_FIXED + layer->content_bytes;
    }
    p = put16(p, 0xdc, layers->count);
    for (int i = 0; i < layers->count; i++) {
        const b2_layer *layer = &layers->items[i];
        p = put32(p, 0xc6, layer->content_bytes);
        if (layer->content_bytes > 0) memcpy(p, layer->content, (size_t)layer->content_bytes);
        p += layer->content_bytes;
    }
}
