/**
 * Golden files, for comparing machines: `golden write DIR` writes a matrix of arrays, `golden read DIR`
 * checks that each file of DIR/list decodes to its answer, whoever wrote it.
 *
 * A line of the list is `KIND ANSWER FILE OFFSET`, names being those of files in DIR. Kinds: `chunk`, `frame`
 * (all chunks, one after another), `array` (items in C order), `fixed=NAME` and `variable=NAME` (a
 * metalayer). The answer holds the bytes; `*` stands for any bytes and `-` for a refusal.
 */
#include "model.h"

enum { NAME_BYTES = 256, LINE_BYTES = 3 * NAME_BYTES };

typedef struct buffer {
    uint8_t *bytes; /* owned */
    size_t size;
} buffer;

static void path_in(char *out, const char *directory, const char *name)
{
    snprintf(out, 2 * LINE_BYTES, "%s/%s", directory, name);
}

static FILE *open_in(const char *directory, const char *name, const char *mode)
{
    char path[2 * LINE_BYTES];
    path_in(path, directory, name);
    FILE *file = fopen(path, mode);
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static buffer load(const char *directory, const char *name)
{
    FILE *file = open_in(directory, name, "rb");
    fseek(file, 0, SEEK_END);
    buffer content = {.size = (size_t)ftell(file)};
    content.bytes = need(malloc(content.size + 1));
    rewind(file);
    if (fread(content.bytes, 1, content.size, file) != content.size) abort();
    fclose(file);
    return content;
}

static void save(const char *directory, const char *name, const void *bytes, size_t size)
{
    FILE *file = open_in(directory, name, "wb");
    if (fwrite(bytes, 1, size, file) != size) abort();
    fclose(file);
}

/* ------------------------------------------------------------------ reading */

typedef struct entry {
    char kind[NAME_BYTES], answer[NAME_BYTES], file[NAME_BYTES];
    char path[2 * LINE_BYTES];
    int64_t offset;
} entry;

static int read_view(const blosc2_view *view, blosc2_workspace *workspace, buffer *out)
{
    out->bytes = need(realloc(out->bytes, out->size + (size_t)view->nbytes + 1));
    int status = blosc2_view_decode(view, out->bytes + out->size, workspace);
    if (status == BLOSC2_OK) out->size += (size_t)view->nbytes;
    return status;
}

static int read_chunk(const buffer *chunk, blosc2_workspace *workspace, buffer *out)
{
    blosc2_view view;
    int status = blosc2_view_init(&view, chunk->bytes, chunk->size, 0, BLOSC2_MAX_CHUNK_BYTES);
    return status < 0 ? status : read_view(&view, workspace, out);
}

static int read_layer(const blosc2_schunk *schunk, blosc2_layer_kind kind, int index, buffer *out)
{
    uint8_t *content;
    int32_t content_bytes;
    if (index < 0) return BLOSC2_E_NOT_FOUND;
    int status = blosc2_schunk_layer_content(schunk, kind, index, &content, &content_bytes);
    if (status < 0) return status;
    out->size = (size_t)content_bytes;
    out->bytes = need(realloc(out->bytes, out->size + 1));
    if (out->size) memcpy(out->bytes, content, out->size);
    blosc2_bytes_free(content);
    return BLOSC2_OK;
}

/** All chunks; and every metalayer decodes. */
static int read_frame(const blosc2_schunk *schunk, blosc2_workspace *workspace, buffer *out)
{
    int status = BLOSC2_OK;
    int layers = blosc2_schunk_layer_count(schunk, BLOSC2_LAYER_VARIABLE);
    for (int i = 0; i < layers && status == BLOSC2_OK; i++)
        status = read_layer(schunk, BLOSC2_LAYER_VARIABLE, i, out);
    out->size = 0;
    int64_t chunks = blosc2_schunk_chunk_count(schunk);
    for (int64_t i = 0; i < chunks && status == BLOSC2_OK; i++) {
        blosc2_view view;
        status = blosc2_schunk_view(schunk, i, NULL, 0, workspace, &view);
        if (status == BLOSC2_OK) status = read_view(&view, workspace, out);
    }
    return status;
}

static int read_array(const entry *e, buffer *out)
{
    caterva_array *array;
    int status = caterva_array_open(e->path, e->offset, BLOSC2_READ, &array);
    if (status < 0) return status;
    const caterva_geometry *g = caterva_array_geometry(array);
    caterva_selection all = whole(g);
    int64_t strides[CATERVA_MAX_NDIM];
    c_strides(g->ndim, g->shape, g->item_bytes, strides);
    out->size = (size_t)(count_items(g->ndim, g->shape) * g->item_bytes);
    out->bytes = need(malloc(out->size + 1));
    status = caterva_array_read(array, &all, out->bytes, strides);
    caterva_array_free(array);
    return status;
}

static int read_schunk(const entry *e, blosc2_workspace *workspace, buffer *out)
{
    blosc2_schunk *schunk;
    int status = blosc2_schunk_open(e->path, e->offset, BLOSC2_READ, &schunk);
    if (status < 0) return status;
    if (strncmp(e->kind, "fixed=", 6) == 0)
        status = read_layer(schunk, BLOSC2_LAYER_FIXED,
                            blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, e->kind + 6), out);
    else if (strncmp(e->kind, "variable=", 9) == 0)
        status = read_layer(schunk, BLOSC2_LAYER_VARIABLE,
                            blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, e->kind + 9), out);
    else
        status = read_frame(schunk, workspace, out);
    blosc2_schunk_free(schunk);
    return status;
}

static void check_entry(const char *directory, const entry *e, blosc2_workspace *workspace)
{
    buffer got = {0};
    int status;
    if (strcmp(e->kind, "chunk") == 0) {
        buffer chunk = load(directory, e->file);
        status = read_chunk(&chunk, workspace, &got);
        free(chunk.bytes);
    } else if (strcmp(e->kind, "array") == 0) {
        status = read_array(e, &got);
    } else {
        status = read_schunk(e, workspace, &got);
    }
    bool right;
    if (strcmp(e->answer, "-") == 0) {
        right = status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED;
    } else if (strcmp(e->answer, "*") == 0) {
        right = status == BLOSC2_OK;
    } else {
        buffer answer = load(directory, e->answer);
        right = status == BLOSC2_OK && got.size == answer.size &&
                memcmp(got.bytes, answer.bytes, answer.size) == 0;
        free(answer.bytes);
    }
    CHECK(right);
    if (!right)
        fprintf(stderr, "  %s %s: status %d, %zu bytes, expected %s; %s\n", e->kind, e->file, status,
                got.size, e->answer, status < 0 ? blosc2_last_error() : "");
    free(got.bytes);
}

static void read_all(const char *directory)
{
    blosc2_workspace *workspace;
    CHECK_OK(blosc2_workspace_create(&workspace));
    FILE *list = open_in(directory, "list", "r");
    entry e;
    char line[LINE_BYTES];
    long long offset;
    while (fgets(line, sizeof line, list)) {
        if (sscanf(line, "%255s %255s %255s %lld", e.kind, e.answer, e.file, &offset) != 4) abort();
        e.offset = offset;
        path_in(e.path, directory, e.file);
        check_entry(directory, &e, workspace);
    }
    fclose(list);
    blosc2_workspace_free(workspace);
}

/* ------------------------------------------------------------------ writing */

typedef struct pipeline {
    const char *name;
    uint8_t filters[BLOSC2_MAX_FILTERS], metas[BLOSC2_MAX_FILTERS];
    int only[4]; /* item sizes, if not all */
} pipeline;

/* Bytedelta's width must stand in the header for blosc2, and below 128: docs/format/filters.md 6 and 8. */
static const pipeline PIPELINES[] = {
    {"none", {0}, {0}, {0}},
    {"shuffle", {[5] = BLOSC2_SHUFFLE}, {0}, {0}},
    {"bitshuffle", {[5] = BLOSC2_BITSHUFFLE}, {0}, {0}},
    {"delta", {[5] = BLOSC2_DELTA}, {0}, {0}},
    {"delta_shuffle", {[4] = BLOSC2_DELTA, BLOSC2_SHUFFLE}, {0}, {0}},
    {"shuffle_bytedelta", {[4] = BLOSC2_SHUFFLE, BLOSC2_BYTEDELTA}, {0}, {0}},
    {"trunc_shuffle", {[4] = BLOSC2_TRUNC_PREC, BLOSC2_SHUFFLE}, {[4] = 10}, {4, 8}},
    {"inttrunc_bitshuffle", {[4] = BLOSC2_INT_TRUNC, BLOSC2_BITSHUFFLE}, {[4] = 5}, {1, 2, 4, 8}},
};
static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
static const int32_t SIZES[] = {1, 2, 3, 4, 8, 16, 300};

/* Nothing divides; a few thousand items, and for large items some dozens. */
static const caterva_geometry MANY[] = {
    {.ndim = 1, .shape = {12007}, .chunks = {5003}, .blocks = {2001}},
    {.ndim = 2, .shape = {101, 97}, .chunks = {60, 61}, .blocks = {33, 31}},
    {.ndim = 3, .shape = {19, 23, 17}, .chunks = {10, 23, 9}, .blocks = {7, 5, 9}},
    {.ndim = 4, .shape = {7, 9, 8, 11}, .chunks = {5, 4, 8, 6}, .blocks = {2, 4, 3, 6}},
};
static const caterva_geometry FEW[] = {
    {.ndim = 0},
    {.ndim = 1, .shape = {103}, .chunks = {40}, .blocks = {17}},
    {.ndim = 8,
     .shape = {2, 1, 3, 2, 1, 2, 3, 2},
     .chunks = {2, 1, 2, 2, 1, 2, 2, 1},
     .blocks = {1, 1, 2, 1, 1, 2, 2, 1}},
    {.ndim = 9,
     .shape = {2, 1, 3, 2, 1, 2, 3, 2, 2},
     .chunks = {2, 1, 2, 2, 1, 2, 2, 1, 2},
     .blocks = {1, 1, 2, 1, 1, 2, 2, 1, 1}},
    {.ndim = 2, .shape = {5, 0}, .chunks = {2, 0}, .blocks = {2, 0}},
};

/** Smooth and noisy stretches, so that codecs both win and give up; then bytes that truncation keeps. */
static void fill(uint8_t *bytes, size_t size, int kept_byte, int32_t item_bytes)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t noise = (uint8_t)(random_u64() >> 33);
        bytes[i] = i % 512 < 300 ? (uint8_t)(i / 7 % 251) : noise;
        int at = (int)(i % (size_t)item_bytes);
        if (kept_byte >= 0 && at < kept_byte) bytes[i] = 0;
        if (kept_byte >= 0 && at == kept_byte) bytes[i] &= 0xe0; /* as much as any pipeline clears */
    }
}

typedef struct output {
    const char *directory;
    FILE *list;
    int turn;
} output;

static const uint8_t FIXED[] = {0xc4, 3, 1, 0, 255}; /* msgpack bin: blosc2 for Python decodes layers */

static void write_case(output *out, const char *name, caterva_options options, int kept_byte)
{
    char file[NAME_BYTES], answer[NAME_BYTES], notes[NAME_BYTES], path[2 * LINE_BYTES];
    snprintf(file, sizeof file, "%s.b2nd", name);
    snprintf(answer, sizeof answer, "%s.plain", name);
    snprintf(notes, sizeof notes, "%s.notes", name);
    path_in(path, out->directory, file);
    int turn = out->turn++;
    blosc2_metalayer user = {"user", FIXED, sizeof FIXED};
    options.home = turn % 3 ? BLOSC2_HOME_FILE : BLOSC2_HOME_DIRECTORY;
    options.path = path;
    options.dtype = "|V1";
    options.threads = 1; /* with more, chunks lie in the order in which they were ready */
    options.metalayers = &user;
    options.metalayer_count = turn % 2;

    random_state = (uint64_t)turn + 1;
    const caterva_geometry *g = &options.geometry;
    model m = model_make(&options);
    int64_t strides[CATERVA_MAX_NDIM];
    c_strides(g->ndim, g->shape, g->item_bytes, strides);
    caterva_selection box = whole(g);
    if (options.fill == CATERVA_FILL_ZEROS) {
        fill(m.plain, m.plain_bytes, kept_byte, g->item_bytes);
        CHECK_OK(caterva_array_write(m.array, &box, m.plain, strides));
    } else if (options.fill_value) {
        for (size_t i = 0; i < m.plain_bytes; i++)
            m.plain[i] = ((const uint8_t *)options.fill_value)[i % (size_t)g->item_bytes];
    }
    CHECK_OK(caterva_array_commit(m.array));
    CHECK_OK(caterva_array_begin(m.array));
    /* A second change: rewritten chunks lie behind the first ones. */
    if (g->ndim > 0 && g->shape[0] > 2) {
        box.start[0] = 1;
        box.count[0] = g->shape[0] / 2;
        fill(m.plain + strides[0], (size_t)(box.count[0] * strides[0]), kept_byte, g->item_bytes);
        CHECK_OK(caterva_array_write(m.array, &box, m.plain + strides[0], strides));
    }
    uint8_t content[603] = {0xc5, 2, 88}; /* msgpack bin of 600 bytes */
    for (size_t i = 3; i < sizeof content; i++) content[i] = (uint8_t)(i / 9);
    blosc2_metalayer layer = {"notes", content, sizeof content};
    CHECK_OK(caterva_array_set_layer(m.array, BLOSC2_LAYER_VARIABLE, &layer));
    CHECK_OK(caterva_array_commit(m.array));

    save(out->directory, answer, m.plain, m.plain_bytes);
    save(out->directory, notes, content, sizeof content);
    fprintf(out->list, "array %s %s 0\nvariable=notes %s %s 0\n", answer, file, notes, file);
    if (options.metalayer_count) fprintf(out->list, "fixed=user user %s 0\n", file);
    model_free(&m);
}

static caterva_options options_of(const caterva_geometry *geometry, int32_t item_bytes, int codec)
{
    caterva_options options = {.geometry = *geometry};
    options.geometry.item_bytes = item_bytes;
    options.cparams = blosc2_cparams_default(item_bytes);
    options.cparams.codec = codec;
    return options;
}

static bool serves(const pipeline *p, int32_t item_bytes)
{
    if (p->only[0] == 0) return true;
    for (int i = 0; i < 4; i++) {
        if (p->only[i] == item_bytes) return true;
    }
    return false;
}

/** Lowest byte of an item that a truncation does not clear all of; -1 without one. */
static int kept_byte(const pipeline *p, int32_t item_bytes)
{
    if (p->filters[4] == BLOSC2_TRUNC_PREC) return item_bytes == 4 ? 1 : 5; /* 13 or 42 bits are cleared */
    return p->filters[4] == BLOSC2_INT_TRUNC ? item_bytes - 1 : -1;         /* 5 bits are kept */
}

/** Every codec x pipeline x item size; shapes, levels and splits take turns. */
static void write_pipelines(output *out)
{
    static const int levels[] = {5, 1, 9, 3, 0, 7};
    for (size_t c = 0; c < sizeof CODECS / sizeof *CODECS; c++) {
        for (size_t f = 0; f < sizeof PIPELINES / sizeof *PIPELINES; f++) {
            for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
                const pipeline *p = &PIPELINES[f];
                if (!serves(p, SIZES[s])) continue;
                const caterva_geometry *g = SIZES[s] > 16 ? &FEW[out->turn % 5] : &MANY[out->turn % 4];
                caterva_options options = options_of(g, SIZES[s], CODECS[c]);
                memcpy(options.cparams.filters, p->filters, sizeof p->filters);
                memcpy(options.cparams.filters_meta, p->metas, sizeof p->metas);
                if (p->filters[5] == BLOSC2_BYTEDELTA && SIZES[s] < 128)
                    options.cparams.filters_meta[5] = (uint8_t)SIZES[s];
                options.cparams.clevel = levels[out->turn % 6];
                options.cparams.split = 1 + out->turn / 4 % 4;
                char name[NAME_BYTES];
                snprintf(name, sizeof name, "%s_%s_%d", blosc2_codec_name(CODECS[c]), p->name, (int)SIZES[s]);
                write_case(out, name, options, kept_byte(p, SIZES[s]));
            }
        }
    }
}

static void write_dictionaries(output *out)
{
    static const int codecs[] = {BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZSTD};
    for (int i = 0; i < 3; i++) {
        caterva_options options = options_of(&MANY[1], 8, codecs[i]);
        options.cparams.use_dict = true;
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%s_dictionary", blosc2_codec_name(codecs[i]));
        write_case(out, name, options, -1);
    }
}

static void write_fills(output *out)
{
    uint8_t value[300];
    for (size_t i = 0; i < sizeof value; i++) value[i] = (uint8_t)(i + 1);
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        for (int home = 0; home < 2; home++) {
            caterva_options options = options_of(&FEW[1], SIZES[s], BLOSC2_BLOSCLZ);
            char name[NAME_BYTES];
            options.fill = CATERVA_FILL_VALUE;
            options.fill_value = value;
            snprintf(name, sizeof name, "value_%d_%d", (int)SIZES[s], home);
            write_case(out, name, options, -1);
            options.fill = CATERVA_FILL_UNINIT;
            options.fill_value = NULL;
            snprintf(name, sizeof name, "uninit_%d_%d", (int)SIZES[s], home);
            write_case(out, name, options, -1);
        }
    }
}

static void write_all(const char *directory)
{
    output out = {.directory = directory, .list = open_in(directory, "list", "w")};
    save(directory, "user", FIXED, sizeof FIXED);
    write_pipelines(&out);
    write_dictionaries(&out);
    write_fills(&out);
    fclose(out.list);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "read") == 0)
        read_all(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "write") == 0)
        write_all(argv[2]);
    else
        fprintf(stderr, "usage: golden read|write DIRECTORY\n");
    return check_result();
}
