/**
 * @file blosc2.h
 * Chunks, super-chunks and frames in the Blosc2 format.
 *
 * An independent implementation of the format, and not the upstream library's API. Sizes are
 * bytes, positions half-open [start, stop). Arguments are borrowed for the call unless said
 * otherwise. A function that can fail returns a negative `blosc2_status`; the thread's message is
 * then in `blosc2_last_error()`. An output parameter is set on success only.
 *
 * Threads: any number may read one super-chunk, each with its own `blosc2_workspace`; a caller that
 * changes it must keep all others out.
 *
 * The byte layouts are those of docs/format (chunk-format, filters, codecs, frame-format).
 */
#ifndef BLOSC2_H
#define BLOSC2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(BLOSC2_SHARED) && defined(__GNUC__)
#define BLOSC2_API __attribute__((visibility("default")))
#else
#define BLOSC2_API
#endif

#if defined(__MINGW32__) && !defined(__clang__) /* "printf" is that of old Windows there; ours is C99's */
#define BLOSC2_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__GNUC__)
#define BLOSC2_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define BLOSC2_PRINTF(text, first)
#endif

/* ------------------------------------------------------------------ errors */

typedef enum blosc2_status {
    BLOSC2_OK = 0,
    BLOSC2_E_ARGUMENT = -1,     /**< a parameter is out of its range */
    BLOSC2_E_CORRUPT = -2,      /**< bytes that do not follow the format */
    BLOSC2_E_UNSUPPORTED = -3,  /**< follows the format, but uses a part that is not built in */
    BLOSC2_E_CODEC = -4,        /**< a codec library refused to work */
    BLOSC2_E_IO = -5,           /**< the system refused: see blosc2_last_os_error() */
    BLOSC2_E_MEMORY = -6,       /**< an allocation failed */
    BLOSC2_E_EXISTS = -7,       /**< the path to create is taken */
    BLOSC2_E_NOT_FOUND = -8,    /**< no such path, or no such metalayer */
    BLOSC2_E_READ_ONLY = -9,    /**< opened for reading */
    BLOSC2_E_CHANGED = -10,     /**< somebody else changed the file since it was read */
    BLOSC2_E_INTERRUPTED = -11, /**< the program wanted the call to end: blosc2_set_interrupt() */
    BLOSC2_E_LIMIT = -12,       /**< would take more memory than the caller allows a file */
    BLOSC2_E_LOCKED = -13,      /**< somebody else has the lock, and kept it for all of the time allowed */
} blosc2_status;

/** Set this thread's message (printf style) and return `status`. */
BLOSC2_API int blosc2_fail(int status, const char *format, ...) BLOSC2_PRINTF(2, 3);

/** The same for a failed system call; `path` may be NULL. */
BLOSC2_API int blosc2_fail_io(int status, int os_error, const char *path, const char *format, ...)
    BLOSC2_PRINTF(4, 5);

/** Put "context: " before the message that is there; errno and path stay. */
BLOSC2_API int blosc2_fail_within(int status, const char *format, ...) BLOSC2_PRINTF(2, 3);

/** Message of this thread's last failure; valid until its next one. */
BLOSC2_API const char *blosc2_last_error(void);

/** errno of this thread's last failure, 0 if it was not a system call. */
BLOSC2_API int blosc2_last_os_error(void);

/** Path of this thread's last failed system call, "" if none. */
BLOSC2_API const char *blosc2_last_path(void);

/* ------------------------------------------------------------------ constants of the format */

#define BLOSC2_MAX_FILTERS     6
#define BLOSC2_MAX_CHUNK_BYTES 2147483615 /* 2^31 - 1 - 32, chunk-format.md 2 */
#define BLOSC2_MAX_BLOCK_BYTES 536866816
#define BLOSC2_CHUNK_OVERHEAD  32 /* a chunk never needs more than its content and this */
#define BLOSC2_MAX_METALAYERS  16
#define BLOSC2_MAX_NAME_BYTES  31

/* Largest content of a metalayer unless the caller allows another: in the trailer 32 bytes can declare 2 GiB.
 */
#define BLOSC2_LAYER_BYTES (256 << 20)

/** Codec ids of frame headers (the chunk header has *formats*). */
typedef enum blosc2_codec {
    BLOSC2_BLOSCLZ = 0,
    BLOSC2_LZ4 = 1,
    BLOSC2_LZ4HC = 2,
    BLOSC2_ZLIB = 4,
    BLOSC2_ZSTD = 5,
} blosc2_codec;

typedef enum blosc2_filter {
    BLOSC2_NOFILTER = 0,
    BLOSC2_SHUFFLE = 1,
    BLOSC2_BITSHUFFLE = 2,
    BLOSC2_DELTA = 3,
    BLOSC2_TRUNC_PREC = 4,
    BLOSC2_BYTEDELTA = 35,
    BLOSC2_INT_TRUNC = 36,
} blosc2_filter;

typedef enum blosc2_split {
    BLOSC2_SPLIT_ALWAYS = 1,
    BLOSC2_SPLIT_NEVER = 2,
    BLOSC2_SPLIT_AUTO = 3,
    BLOSC2_SPLIT_FORWARD = 4, /* decides as AUTO */
} blosc2_split;

typedef enum blosc2_special {
    BLOSC2_SPECIAL_NONE = 0,
    BLOSC2_SPECIAL_ZEROS = 1,
    BLOSC2_SPECIAL_NAN = 2,
    BLOSC2_SPECIAL_VALUE = 3,
    BLOSC2_SPECIAL_UNINIT = 4, /* read as zeros */
} blosc2_special;

/** "lz4" of BLOSC2_LZ4; NULL for an unknown id. */
BLOSC2_API const char *blosc2_codec_name(int codec);

/** Version of the library that does a codec's work, e.g. "1.9.4"; static; NULL for an unknown id. */
BLOSC2_API const char *blosc2_codec_version(int codec);

/** Name of the kernel table in use: "avx2", "generic"... */
BLOSC2_API const char *blosc2_kernels_name(void);

/**
 * Names of the kernel tables built in, best first.
 * @param names  Receives the first `max` of them, static strings; may be NULL if `max` is 0.
 * @return How many there are.
 */
BLOSC2_API size_t blosc2_kernels_list(const char **names, size_t max);

/** 1 if the table of that name is built in and this CPU can run it, else 0. */
BLOSC2_API int blosc2_kernels_can_run(const char *name);

/** Name and version of the compiler that made this library, e.g. "gcc 12.2.0"; static. */
BLOSC2_API const char *blosc2_compiler(void);

/**
 * Choose the kernel table, once per process: the one that the environment's CATERVA_ISA names, else
 * the best for this CPU. Later calls repeat the first result.
 * @return BLOSC2_OK, or BLOSC2_E_ARGUMENT when CATERVA_ISA names what cannot run here.
 */
BLOSC2_API int blosc2_init(void);

/* ------------------------------------------------------------------ how chunks are made */

typedef struct blosc2_cparams {
    int32_t item_bytes;                       /**< >= 1; above 255 chunks store 1 */
    int codec;                                /**< blosc2_codec */
    int clevel;                               /**< 0 (copy) .. 9 */
    int split;                                /**< blosc2_split */
    bool use_dict;                            /**< a dictionary per chunk: LZ4, LZ4HC, ZSTD */
    uint8_t filters[BLOSC2_MAX_FILTERS];      /**< applied from slot 0 to 5; 0 = empty slot */
    uint8_t filters_meta[BLOSC2_MAX_FILTERS]; /**< one parameter each; filters.md */
} blosc2_cparams;

/** LZ4, level 5, shuffle in slot 5, AUTO split, no dictionary. */
BLOSC2_API blosc2_cparams blosc2_cparams_default(int32_t item_bytes);

/** @return BLOSC2_OK, or BLOSC2_E_ARGUMENT with the parameter and its limits in the message. */
BLOSC2_API int blosc2_cparams_check(const blosc2_cparams *cparams);

/** True if filters drop bits, so that what is read is not what was written. */
BLOSC2_API bool blosc2_cparams_is_lossy(const blosc2_cparams *cparams);

/* ------------------------------------------------------------------ work memory */

/** Scratch and codec states of one thread. Not to be used by two threads at once. */
typedef struct blosc2_workspace blosc2_workspace;

BLOSC2_API int blosc2_workspace_create(blosc2_workspace **out);
BLOSC2_API void blosc2_workspace_free(blosc2_workspace *workspace);

/** Release scratch of more than 8 MiB, as between calls; views that lie in it are void. */
BLOSC2_API void blosc2_workspace_trim(blosc2_workspace *workspace);

/* ------------------------------------------------------------------ views of chunks */

/** A chunk with a checked header; the bytes stay where they are and must outlive the view. */
typedef struct blosc2_view {
    const uint8_t *bytes; /**< the chunk; borrowed */
    const uint8_t
        *postscript;      /**< checksums that each block is compared with before it is used; NULL: none */
    uint64_t serial;      /**< tells views apart in a workspace */
    int32_t nbytes;       /**< content, decoded */
    int32_t cbytes;       /**< the chunk, header included */
    int32_t block_bytes;  /**< content of each block but the last */
    int32_t block_count;  /**< ceil(nbytes / block_bytes); of chunks with VL-blocks, what the header says */
    int32_t header_bytes; /**< 16 or 32 */
    int32_t item_bytes;   /**< 1..255, as the header says */
    int32_t frame_item_bytes; /**< the frame's, for bytedelta with meta 0; 0 if unknown */
    int32_t dict_bytes;       /**< 0: no dictionary */
    int32_t dict_start;       /**< where the dictionary lies in the chunk */
    int32_t streams_start;    /**< end of bstarts */
    uint8_t version;
    uint8_t codec_format; /**< 0 BLOSCLZ, 1 LZ4, 3 ZLIB, 4 ZSTD */
    uint8_t special;      /**< blosc2_special */
    bool memcpyed;
    bool split;
    bool vl_blocks;
    uint8_t filters[BLOSC2_MAX_FILTERS];
    uint8_t filters_meta[BLOSC2_MAX_FILTERS];
} blosc2_view;

/**
 * Check a chunk's header, block offsets and dictionary, and describe it.
 *
 * @param bytes             The chunk; more bytes may follow it.
 * @param available         How many bytes may be read there.
 * @param frame_item_bytes  Item size of the frame around it, 0 if there is none.
 * @param max_nbytes        Largest content that the caller accepts.
 * @return BLOSC2_OK, BLOSC2_E_CORRUPT or BLOSC2_E_UNSUPPORTED.
 */
BLOSC2_API int blosc2_view_init(blosc2_view *view, const void *bytes, size_t available,
                                int32_t frame_item_bytes, int64_t max_nbytes);

/** Content bytes of block `block` (the last one may be short). */
BLOSC2_API int32_t blosc2_view_block_nbytes(const blosc2_view *view, int32_t block);

/**
 * Decode one block. Works on every kind of chunk but those with VL-blocks.
 *
 * @param block  0 <= block < view->block_count.
 * @param out    Receives blosc2_view_block_nbytes() bytes; undefined on failure.
 * @return BLOSC2_OK, BLOSC2_E_CORRUPT, BLOSC2_E_UNSUPPORTED, BLOSC2_E_MEMORY.
 */
BLOSC2_API int blosc2_view_decode_block(const blosc2_view *view, int32_t block, void *out,
                                        blosc2_workspace *workspace);

/** True if blosc2_view_decode_prefix() of `bytes` bytes is less work than decoding the block. */
BLOSC2_API bool blosc2_view_has_prefix(const blosc2_view *view, int32_t block, int32_t bytes);

/**
 * Decode at least the first `bytes` bytes of a block, and no more of it than that where it is less work.
 *
 * @param bytes  1..blosc2_view_block_nbytes().
 * @param out    Room for the whole block; undefined from `bytes` on.
 */
BLOSC2_API int blosc2_view_decode_prefix(const blosc2_view *view, int32_t block, int32_t bytes, void *out,
                                         blosc2_workspace *workspace);

/**
 * A block that the chunk holds as it is: no codec, no filter that moves bytes.
 * @return Where its bytes lie in the chunk; NULL if it must be decoded, or is not right.
 */
BLOSC2_API const uint8_t *blosc2_view_raw_block(const blosc2_view *view, int32_t block);

/** The planes of a shuffled block: byte k of each item lies in plane[k]. */
typedef struct blosc2_planes {
    const uint8_t *plane[8];
    int32_t count; /**< 2, 4 or 8: bytes of an item; 0: there are none */
    int32_t items; /**< in each plane */
} blosc2_planes;

/** How results are written. */
typedef enum blosc2_stores {
    BLOSC2_STORES_CACHED = 0,
    /** Whole cache lines go past the caches, where they lie at multiples of 64 bytes: for results larger than
     * those. Other threads see them after blosc2_streaming_end(). */
    BLOSC2_STORES_STREAMING = 1,
} blosc2_stores;

/** Rows of a block's items, and a place for each: row r goes to out + r * out_step. */
typedef struct blosc2_rows {
    int64_t first; /**< item of the block that row 0 starts with */
    int64_t count; /**< items of a row, at least 1 */
    int64_t rows;  /**< at least 1 */
    int64_t step;  /**< items from a row's start to that of the next, >= 0 */
    void *out;
    int64_t out_step; /**< bytes, of any sign */
    blosc2_stores stores;
} blosc2_rows;

/**
 * Decode a block as far as its planes of bytes, for blosc2_planes_join(): what the shuffle filter would put
 * together in a buffer goes right to its place, and planes that the codec left as they are stay where they
 * lie.
 *
 * @param bytes   1..blosc2_view_block_nbytes(): how much of the block is wanted, from its start.
 * @param planes  Valid until the workspace decodes another block, or the view ends. `count` is 0 if the block
 * is to be decoded otherwise: its filters are not one shuffle of items of 2, 4 or 8 bytes.
 * @return As blosc2_view_decode_block().
 */
BLOSC2_API int blosc2_view_decode_planes(const blosc2_view *view, int32_t block, int32_t bytes,
                                         blosc2_planes *planes, blosc2_workspace *workspace);

/** Put rows of items together. All of them lie in the planes. */
BLOSC2_API void blosc2_planes_join(const blosc2_planes *planes, const blosc2_rows *rows);

/** Copy past the caches. @param out  At a multiple of 64 bytes. @param bytes  A multiple of 64. */
BLOSC2_API void blosc2_copy_streaming(void *out, const void *in, size_t bytes);

/** What this thread has streamed is visible to those that learn of it from now on. */
BLOSC2_API void blosc2_streaming_end(void);

/** Decode the whole chunk into `out`, which holds exactly `view->nbytes` bytes. */
BLOSC2_API int blosc2_view_decode(const blosc2_view *view, void *out, blosc2_workspace *workspace);

/* ------------------------------------------------------------------ making chunks */

/** Assembles one chunk after another from blocks, new ones and already compressed ones. */
typedef struct blosc2_builder blosc2_builder;

BLOSC2_API int blosc2_builder_create(const blosc2_cparams *cparams, blosc2_builder **out);
BLOSC2_API void blosc2_builder_free(blosc2_builder *builder);

/** The same as blosc2_workspace_trim(); the chunk is dropped. */
BLOSC2_API void blosc2_builder_trim(blosc2_builder *builder);

/**
 * Begin a chunk; what was begun before is dropped.
 *
 * @param nbytes       0..BLOSC2_MAX_CHUNK_BYTES.
 * @param block_bytes  1..BLOSC2_MAX_BLOCK_BYTES, a multiple of the item size when nbytes >= item size.
 */
BLOSC2_API int blosc2_builder_start(blosc2_builder *builder, int32_t nbytes, int32_t block_bytes);

/** True if blocks of `old` can stand, as compressed, in a chunk of this builder. */
BLOSC2_API bool blosc2_builder_can_copy(const blosc2_builder *builder, const blosc2_view *old);

/** Filter and compress block `block`, once each, in any order. `data` holds all of its bytes. */
BLOSC2_API int blosc2_builder_encode_block(blosc2_builder *builder, int32_t block, const void *data,
                                           blosc2_workspace *workspace);

/**
 * Take block `block` of `old` over: its compressed bytes where blosc2_builder_can_copy(), else decoded and
 * encoded again. `old` has the same nbytes and block_bytes.
 */
BLOSC2_API int blosc2_builder_copy_block(blosc2_builder *builder, int32_t block, const blosc2_view *old,
                                         blosc2_workspace *workspace);

/**
 * Take blocks [first, stop) over from a builder that has encoded these alone, in a chunk of the same sizes
 * and parameters: so that threads can share a chunk. What comes of it is what one builder would make that got
 * the blocks in the same order. The chunk of `from` is spent.
 */
BLOSC2_API int blosc2_builder_take(blosc2_builder *builder, blosc2_builder *from, int32_t first, int32_t stop,
                                   blosc2_workspace *workspace);

/**
 * End the chunk: all blocks are in. A chunk whose items are all equal becomes a special one, of zeros or of
 * that item.
 *
 * @param chunk   Set to the bytes, owned by the builder, valid until its next start or free.
 * @param cbytes  Set to their number: at most nbytes + BLOSC2_CHUNK_OVERHEAD.
 */
BLOSC2_API int blosc2_builder_finish(blosc2_builder *builder, const uint8_t **chunk, int32_t *cbytes,
                                     blosc2_workspace *workspace);

/**
 * Write a special chunk.
 *
 * @param value        Repeated value of BLOSC2_SPECIAL_VALUE, else NULL.
 * @param value_bytes  Its size; 0 without one. Divides nbytes and block_bytes.
 * @param out          Receives BLOSC2_CHUNK_OVERHEAD + value_bytes bytes.
 */
BLOSC2_API int blosc2_special_chunk(int special, int32_t item_bytes, int32_t nbytes, int32_t block_bytes,
                                    const void *value, int32_t value_bytes, uint8_t *out);

/* ------------------------------------------------------------------ super-chunks */

/** A sequence of chunks of one size, with metalayers, kept in one of four homes. */
typedef struct blosc2_schunk blosc2_schunk;

typedef enum blosc2_home {
    BLOSC2_HOME_MEMORY = 0,    /**< chunks on the heap */
    BLOSC2_HOME_MEMFRAME = 1,  /**< a contiguous frame on the heap */
    BLOSC2_HOME_FILE = 2,      /**< a contiguous frame in a file */
    BLOSC2_HOME_DIRECTORY = 3, /**< a sparse frame in a directory */
} blosc2_home;

typedef struct blosc2_metalayer {
    const char *name;       /**< 1..31 bytes of UTF-8, NUL-terminated */
    const uint8_t *content; /**< any bytes */
    int32_t content_bytes;
} blosc2_metalayer;

/** Whether a commit waits until the medium has it. blosc2_schunk_flush() does that at any time. */
typedef enum blosc2_durability {
    BLOSC2_DURABILITY_ORDER = 0, /**< survives the end of the process, and a full disk */
    BLOSC2_DURABILITY_FSYNC = 1, /**< and the end of the system, as by a power cut */
} blosc2_durability;

/** Checksums of chunks and of what describes them (docs/design/durability.md). */
typedef enum blosc2_checksums {
    BLOSC2_CHECKSUMS_ON = 0,  /**< written with new frames outside of memory; checked when read */
    BLOSC2_CHECKSUMS_OFF = 1, /**< not in new frames; not checked */
} blosc2_checksums;

/** What the checksums of a frame hold good for. */
typedef enum blosc2_seal {
    BLOSC2_SEAL_NONE = 0,   /**< it has none */
    BLOSC2_SEAL_WHOLE = 1,  /**< all that is stored: it is verified before it is used */
    BLOSC2_SEAL_LAYERS = 2, /**< all but the contents of fixed metalayers, and the parameters of chunks to
                               come, which another writer has replaced */
    BLOSC2_SEAL_BROKEN = 3, /**< another writer has changed chunks: nothing is verified */
} blosc2_seal;

/** Locks between processes, and between handles of one process. */
typedef enum blosc2_locking {
    BLOSC2_LOCKING_ON = 0,
    BLOSC2_LOCKING_OFF = 1, /**< nobody else uses the frame, or the file system has no locks */
} blosc2_locking;

/** How a frame outside of memory is kept safe. */
typedef struct blosc2_safety {
    blosc2_durability durability;
    blosc2_checksums checksums;
    blosc2_locking locking;
    int32_t lock_timeout_ms; /**< how long to wait for a lock, >= 0 */
} blosc2_safety;

typedef struct blosc2_schunk_options {
    blosc2_home home;
    const char *path; /**< of the file or directory; NULL in memory */
    blosc2_safety safety;
    blosc2_cparams cparams;
    int32_t chunk_bytes; /**< content of each chunk, all the same; 0 only if chunk_count is 0 */
    int32_t block_bytes;
    int64_t chunk_count;                /**< chunks to begin with: all of them `fill` */
    blosc2_special fill;                /**< BLOSC2_SPECIAL_ZEROS, _NAN or _UNINIT */
    const blosc2_metalayer *metalayers; /**< fixed ones, in this order */
    int metalayer_count;                /**< 0..16 */
} blosc2_schunk_options;

/**
 * Make a super-chunk, with a change begun: nothing is visible at `path` until blosc2_schunk_commit().
 * The file is made under a temporary name, and removed by blosc2_schunk_free() if it was never committed.
 * @return BLOSC2_OK, BLOSC2_E_ARGUMENT, BLOSC2_E_EXISTS, BLOSC2_E_IO, BLOSC2_E_MEMORY.
 */
BLOSC2_API int blosc2_schunk_create(const blosc2_schunk_options *options, blosc2_schunk **out);

typedef enum blosc2_mode {
    BLOSC2_READ = 0,
    BLOSC2_UPDATE = 1,
    /** A file, read from where it is mapped: nobody may cut it meanwhile, or the process ends (SIGBUS). */
    BLOSC2_READ_MAPPED = 2,
} blosc2_mode;

/**
 * Read `bytes` bytes at `position` into `out`; return 0, or anything else for a failure (blosc2_fail() may be
 * called for its message). Can be called from several threads at once.
 */
typedef int blosc2_read_fn(void *context, void *out, size_t bytes, int64_t position);

/** A frame to open: at a path, in memory, or behind a callback. `{0}` and one of the three is a good start.
 */
typedef struct blosc2_origin {
    const char *path;     /**< a file (contiguous frame) or a directory (sparse frame) */
    int64_t offset;       /**< where in the file the frame starts; not 0: for reading only */
    blosc2_mode mode;     /**< of a path */
    const void *bytes;    /**< a contiguous frame in memory, which is copied */
    blosc2_read_fn *read; /**< reads a contiguous frame, for reading only */
    void *context;        /**< of `read` */
    int64_t size;         /**< bytes of the frame, but at a path */
    int64_t max_bytes;    /**< blosc2_schunk_set_max_bytes(), from the first allocation on */
    blosc2_safety safety;
    /** Of a file whose header another library has changed in place, or damage: take the header's copy. */
    bool prefers_copy;
} blosc2_origin;

/**
 * Open a frame. Takes memory in proportion to what is stored, and no piece of it above `max_bytes`.
 * @return BLOSC2_OK, BLOSC2_E_ARGUMENT, BLOSC2_E_CORRUPT, BLOSC2_E_UNSUPPORTED, BLOSC2_E_IO,
 *         BLOSC2_E_NOT_FOUND, BLOSC2_E_LIMIT, BLOSC2_E_MEMORY.
 */
BLOSC2_API int blosc2_schunk_open_origin(const blosc2_origin *origin, blosc2_schunk **out);

/** What became of a file whose header was damaged, as by a crash while it was written. */
typedef enum blosc2_recovery {
    BLOSC2_RECOVERED_NOTHING = 0, /**< it was not */
    BLOSC2_RECOVERED_WHOLE = 1,   /**< it was completed: nothing is lost */
    /** The last flushed state was opened: what was written after it is lost. Of a directory whose index
     * cannot be told from that state's, "if anything was". Until the handle commits. */
    BLOSC2_RECOVERED_OLDER = 2,
    BLOSC2_RECOVERED_COPY = 3, /**< it was damaged, and read from its second copy: nothing is lost */
} blosc2_recovery;

BLOSC2_API blosc2_recovery blosc2_schunk_recovery(const blosc2_schunk *schunk);

/** Open a file (contiguous frame, at byte `offset`; not 0: for reading only) or a directory (sparse frame).
 */
BLOSC2_API int blosc2_schunk_open(const char *path, int64_t offset, blosc2_mode mode, blosc2_schunk **out);

/**
 * Remove what lies beside the file or directory of a frame, whether that is there or not: its lock file, and
 * what processes that are no more have left. Failures do not matter.
 */
BLOSC2_API void blosc2_schunk_remove_beside(const char *path);

/**
 * Find another frame in the file of a contiguous frame, behind the one that it begins with, which may be
 * damaged. Reads all that is there.
 * @param position  Set to where it begins; 0: there is none, or nothing can be told.
 * @return BLOSC2_OK, BLOSC2_E_IO, BLOSC2_E_NOT_FOUND, BLOSC2_E_MEMORY, BLOSC2_E_INTERRUPTED.
 */
BLOSC2_API int blosc2_find_second(const char *path, int64_t *position);

/** Open a contiguous frame of exactly `size` bytes; they are copied. */
BLOSC2_API int blosc2_schunk_from_bytes(const void *bytes, size_t size, blosc2_schunk **out);

/** Open, for reading only, a contiguous frame of `size` bytes that a callback reads. */
BLOSC2_API int blosc2_schunk_open_source(blosc2_read_fn *read, void *context, int64_t size,
                                         blosc2_schunk **out);

/**
 * Limit what the bytes of the frame may make this process allocate at once: for a chunk, its index, a
 * metalayer's content. What is larger fails with BLOSC2_E_LIMIT, before memory is taken.
 *
 * @param max_bytes  >= 1; or 0, the default: what the format allows, but BLOSC2_LAYER_BYTES for a metalayer.
 */
BLOSC2_API void blosc2_schunk_set_max_bytes(blosc2_schunk *schunk, int64_t max_bytes);

/** BLOSC2_E_LIMIT if `bytes` bytes for `what` are more than the limit allows, else BLOSC2_OK. */
BLOSC2_API int blosc2_schunk_check_bytes(const blosc2_schunk *schunk, const char *what, int64_t bytes);

/** Write the name of a chunk for messages, such as its place in an array. */
typedef void blosc2_name_fn(const void *context, int64_t chunk, char *out, size_t bytes);

/** Name chunks in messages otherwise than by their numbers. `context` is borrowed for good. */
BLOSC2_API void blosc2_schunk_name_chunks(blosc2_schunk *schunk, blosc2_name_fn *name, const void *context);

/** Put the path and the chunk's name before the message of a failure to decode it. @return `status`. */
BLOSC2_API int blosc2_schunk_fail_within(const blosc2_schunk *schunk, int64_t chunk, int status);

/** Release; an open change is rolled back. NULL is fine. */
BLOSC2_API void blosc2_schunk_free(blosc2_schunk *schunk);

/**
 * In a child after fork(), for a super-chunk with a change that is the parent's: close the parent's lock,
 * which then ends with the parent. Nothing else may be done with the super-chunk, not even freeing it: its
 * files are the parent's.
 */
BLOSC2_API void blosc2_schunk_leave_to_parent(blosc2_schunk *schunk);

BLOSC2_API blosc2_home blosc2_schunk_home(const blosc2_schunk *schunk);
BLOSC2_API bool blosc2_schunk_read_only(const blosc2_schunk *schunk);
BLOSC2_API bool blosc2_schunk_in_memory(const blosc2_schunk *schunk);   /**< views point at stored chunks */
BLOSC2_API const char *blosc2_schunk_path(const blosc2_schunk *schunk); /**< "" in memory */
BLOSC2_API const blosc2_cparams *blosc2_schunk_cparams(const blosc2_schunk *schunk);
BLOSC2_API const blosc2_safety *blosc2_schunk_safety(const blosc2_schunk *schunk); /**< as it was asked for */
BLOSC2_API blosc2_seal blosc2_schunk_seal(const blosc2_schunk *schunk);
BLOSC2_API bool
blosc2_schunk_verifies(const blosc2_schunk *schunk); /**< checksums are checked in each read */
BLOSC2_API int64_t blosc2_schunk_chunk_count(const blosc2_schunk *schunk);
BLOSC2_API int32_t blosc2_schunk_chunk_bytes(const blosc2_schunk *schunk); /**< 0: sizes vary */
BLOSC2_API int32_t blosc2_schunk_block_bytes(const blosc2_schunk *schunk);
BLOSC2_API int64_t blosc2_schunk_nbytes(const blosc2_schunk *schunk);

/** Content bytes of chunk `chunk`. Reads its header where sizes vary. */
BLOSC2_API int blosc2_schunk_chunk_nbytes(const blosc2_schunk *schunk, int64_t chunk, int32_t *nbytes);

/** Sum of the live chunks' own cbytes; special chunks that only the index knows count 0. Reads headers. */
BLOSC2_API int blosc2_schunk_stored_bytes(const blosc2_schunk *schunk, int64_t *bytes);

/**
 * Bring what is needed of a chunk and view it. Special chunks of the index are viewed like stored ones.
 *
 * @param blocks       Blocks that will be decoded, ascending; NULL for all.
 * @param block_count  Their number. Only header, bstarts, and these blocks' streams are read from a file;
 *                     block 0 too if the filters need it. Other blocks must not be decoded or copied.
 *                     Blocks that are listed are verified when they are decoded or copied, others at once.
 * @param view         Valid until the workspace serves another blosc2_schunk_view(), or the super-chunk
 * changes.
 */
BLOSC2_API int blosc2_schunk_view(const blosc2_schunk *schunk, int64_t chunk, const int32_t *blocks,
                                  int32_t block_count, blosc2_workspace *workspace, blosc2_view *view);

/** What becomes of a chunk that is viewed. What is stored again gets new checksums: it is verified before,
    whatever the handle's own setting. */
typedef enum blosc2_use {
    BLOSC2_USE_READ = 0,    /**< the caller reads it: verified as blosc2_safety says */
    BLOSC2_USE_CONTENT = 1, /**< decoded content is stored again: verified where the frame is sealed */
    BLOSC2_USE_REBUILD = 2, /**< compressed blocks go into this super-chunk again: the same; in a frame that
                                 others have changed, what nothing vouches for is decoded */
    BLOSC2_USE_COPY = 3,    /**< compressed blocks go elsewhere: the same, and in frames without checksums */
} blosc2_use;

/**
 * blosc2_schunk_view() for another use than reading.
 * @return Also BLOSC2_E_CORRUPT, BLOSC2_E_CODEC and BLOSC2_E_UNSUPPORTED of a chunk without checksums that
 * cannot be decoded.
 */
BLOSC2_API int blosc2_schunk_view_for(const blosc2_schunk *schunk, int64_t chunk, blosc2_use use,
                                      const int32_t *blocks, int32_t block_count, blosc2_workspace *workspace,
                                      blosc2_view *view);

/**
 * BLOSC2_E_CORRUPT if header, index or trailer do not match their checksum: such a frame is opened only with
 * BLOSC2_CHECKSUMS_OFF, for reading. Nothing of it may get new checksums, so it can neither be changed nor
 * copied.
 */
BLOSC2_API int blosc2_schunk_check_sound(const blosc2_schunk *schunk);

/** Whether contents of fixed metalayers, and parameters, are not known to be what was written: copies of them
    are in doubt, too. */
BLOSC2_API bool blosc2_schunk_layers_in_doubt(const blosc2_schunk *schunk);

/** Metalayers were taken over from a super-chunk whose own are in doubt: what is sealed leaves them out. */
BLOSC2_API void blosc2_schunk_doubt_layers(blosc2_schunk *schunk);

/** Blocks, by what is known of them. */
typedef struct blosc2_verdict {
    int64_t verified;   /**< match their checksums */
    int64_t unverified; /**< have none, and can be decoded (or use what is not built in) */
    int64_t bad;
} blosc2_verdict;

/** Where something is wrong. */
typedef struct blosc2_bad {
    int64_t chunk;
    int32_t block;       /**< -1: all of the chunk */
    int32_t block_bytes; /**< of this chunk's blocks; 0: not known */
    const char *reason;  /**< valid for the call */
} blosc2_bad;

typedef void blosc2_bad_fn(void *context, const blosc2_bad *bad);

/**
 * Check chunks, block by block, whatever the seal; blocks without checksums are decoded.
 *
 * @param next     First chunk to check; moves past those that were: one, and more while they take no time.
 * @param bad      Called for each bad block, or once for a chunk that is bad as a whole.
 * @param verdict  What is found is added to it.
 * @return BLOSC2_OK, bad blocks or not; BLOSC2_E_ARGUMENT, BLOSC2_E_IO, BLOSC2_E_CHANGED, BLOSC2_E_LIMIT,
 *         BLOSC2_E_MEMORY.
 */
BLOSC2_API int blosc2_schunk_verify(const blosc2_schunk *schunk, int64_t *next, blosc2_workspace *workspace,
                                    blosc2_bad_fn *bad, void *context, blosc2_verdict *verdict);

/** Told of progress, after each of `count` chunks. @return BLOSC2_OK, or a status that ends it. */
typedef int blosc2_progress_fn(void *context, int64_t done, int64_t count);

/** What is known of something that is told of. */
typedef enum blosc2_note {
    BLOSC2_NOTE_DAMAGE = 0, /**< it is damaged */
    BLOSC2_NOTE_DOUBT = 1,  /**< a whole copy says otherwise: another library's change, or damage of either */
    BLOSC2_NOTE_REMARK = 2, /**< it may rightly be so */
} blosc2_note;

/** Told, in words, of what is not as it should be. */
typedef void blosc2_note_fn(void *context, blosc2_note what, const char *text);

/**
 * Look at header, chunk index and trailer as they are in the file, which is what another handle would read,
 * and compare them with their second copies. If the file has not this handle's state any more, it is looked
 * at as it is opened anew. Not beside other calls.
 * @param note   Called for each place where something is wrong, or where two differ.
 * @param twice  Set to whether there are second copies of the state: after a flush, in files made here.
 * @return Also BLOSC2_E_CHANGED: others have written meanwhile, and what was told may be of two states.
 */
BLOSC2_API int blosc2_schunk_check_copies(const blosc2_schunk *schunk, blosc2_note_fn *note, void *context,
                                          bool *twice);

/** Which states a repair makes the last one. */
typedef enum blosc2_mend {
    BLOSC2_MEND_LATEST = 0, /**< the one that was committed last */
    BLOSC2_MEND_OLDER = 1,  /**< also that which was flushed last, where later ones are lost */
} blosc2_mend;

/**
 * Write the metadata anew, and its second copies: one change, flushed. What another library has changed in
 * the header alone, or damage that cannot be told from that, goes back to what the copy has. If that is not
 * what the handle can have (blosc2_schunk_on_reload()), the file is mended, and the handle is as it was.
 * @return Also BLOSC2_E_CORRUPT: an older state was opened (BLOSC2_RECOVERED_OLDER), and is not accepted.
 */
BLOSC2_API int blosc2_schunk_repair(blosc2_schunk *schunk, blosc2_mend accepted);

/**
 * In a change: seal the frame as it is now. Chunks whose postscript is missing or another chunk's are stored
 * anew, with one; each of their blocks is decoded before, and a bad one is BLOSC2_E_CORRUPT.
 * @param progress  May be NULL.
 * @return Also BLOSC2_E_ARGUMENT (in memory without a frame), and what `progress` returns. Roll back then.
 */
BLOSC2_API int blosc2_schunk_adopt(blosc2_schunk *schunk, blosc2_progress_fn *progress, void *context);

/* Changes: between begin and commit, reads see them; rollback, or freeing, undoes them all. */

/**
 * Begin a change. A frame outside of memory is locked until it ends, and what others have committed in the
 * meantime is reloaded first: what was known of chunks and metalayers may be void then.
 *
 * @return BLOSC2_OK, BLOSC2_E_READ_ONLY, BLOSC2_E_ARGUMENT (one is open), BLOSC2_E_LOCKED
 * (safety.lock_timeout_ms is over, or this same thread has a change open by another handle), BLOSC2_E_CHANGED
 * (the frame is gone, or of another kind, or was changed by others while this handle locks nothing, or its
 * metalayers or parameters came in doubt, which blosc2_schunk_refresh() takes),
 * BLOSC2_E_IO, BLOSC2_E_MEMORY, and what opening it can fail with. On failure the handle is as it was.
 */
BLOSC2_API int blosc2_schunk_begin(blosc2_schunk *schunk);
BLOSC2_API bool blosc2_schunk_changing(const blosc2_schunk *schunk);

/** What a blosc2_accept_fn is asked for. */
typedef enum blosc2_accept {
    BLOSC2_ACCEPT_ASK,  /* whether it would do; nothing is taken over yet */
    BLOSC2_ACCEPT_TAKE, /* after that: take over what it says, but do not keep it */
} blosc2_accept;

/**
 * Whether what was found at the path can take the place of what a handle has: BLOSC2_OK, or a failure, which
 * becomes that of blosc2_schunk_begin() or _refresh(). Nothing fails after the second BLOSC2_OK.
 */
typedef int blosc2_accept_fn(void *context, blosc2_schunk *fresh, blosc2_accept what);
BLOSC2_API void blosc2_schunk_on_reload(blosc2_schunk *schunk, blosc2_accept_fn *accept, void *context);

/**
 * Have what others have committed since this handle has read or changed the frame. No effect in a change, and
 * in memory. Nobody else may use the handle meanwhile. Waits for nobody.
 *
 * @param changed  Set to whether something was written since.
 * @return BLOSC2_OK, BLOSC2_E_CHANGED (gone, or of another kind), and what opening it can fail with; on
 * failure the handle is as it was.
 */
BLOSC2_API int blosc2_schunk_refresh(blosc2_schunk *schunk, bool *changed);

/**
 * The status of a failure to read: BLOSC2_E_CHANGED, with its message, if others have written the frame since
 * this handle knows it, so that bytes may be missing or be others'; else `status` as it is.
 */
BLOSC2_API int blosc2_schunk_explain(const blosc2_schunk *schunk, int status);

/** Make the changes last: new bytes, then index and trailer, then one header write. On failure they are
 * rolled back. */
BLOSC2_API int blosc2_schunk_commit(blosc2_schunk *schunk);
BLOSC2_API void blosc2_schunk_rollback(blosc2_schunk *schunk);

/**
 * Bring what is committed to the medium, so that the end of the system does not undo it. What else is in the
 * file behind the frame is cut off. Nothing to do in memory.
 *
 * Who has it open for reading, or with another frame behind it in its file, syncs it and writes nothing: the
 * state outlasts the end of the system until the next commit, which writes no second copies either.
 * @return BLOSC2_OK; BLOSC2_E_ARGUMENT while a change is open; BLOSC2_E_IO: what is on the medium is not
 * known, and this handle changes nothing any more.
 */
BLOSC2_API int blosc2_schunk_flush(blosc2_schunk *schunk);

/** The same, if this handle has committed something since it was opened or flushed; else nothing. */
BLOSC2_API int blosc2_schunk_finish(blosc2_schunk *schunk);

/**
 * Replace the file of a contiguous frame by one without dead space, its chunks in order, each with its
 * checksums: a new file, brought to the medium, takes the name. Whoever has the old one open keeps it. A
 * damaged chunk ends it (BLOSC2_E_CORRUPT), and nothing is changed. Frames in memory likewise; directories
 * and separate chunks in memory have no dead space.
 * @return BLOSC2_OK, BLOSC2_E_ARGUMENT while a change is open, and what reading and writing may return.
 */
BLOSC2_API int blosc2_schunk_compact(blosc2_schunk *schunk);

/** Replace chunk `chunk` by an encoded one of the same nbytes; its bytes are copied. Zeros are kept in the
 * index alone. */
BLOSC2_API int blosc2_schunk_set_chunk(blosc2_schunk *schunk, int64_t chunk, const uint8_t *bytes,
                                       int32_t cbytes);

/** Add a chunk at the end. */
BLOSC2_API int blosc2_schunk_append_chunk(blosc2_schunk *schunk, const uint8_t *bytes, int32_t cbytes);

/**
 * Copy the super-chunk's state into a frame of its own (no gaps, chunks in order), in memory.
 * @param bytes  Set to a heap block that the caller releases by blosc2_bytes_free().
 */
BLOSC2_API int blosc2_schunk_to_bytes(const blosc2_schunk *schunk, uint8_t **bytes, size_t *size);
BLOSC2_API void blosc2_bytes_free(uint8_t *bytes);

/**
 * In a change: forget all chunks and take new sizes; the chunks are then all zeros.
 * Arguments as in blosc2_schunk_options.
 */
BLOSC2_API int blosc2_schunk_reset(blosc2_schunk *schunk, int32_t chunk_bytes, int32_t block_bytes,
                                   int64_t chunk_count);

/**
 * Where chunk `chunk` of the new order is in the old one; -1 for a new chunk, of zeros. Chunks keep their
 * order: what it returns ascends, leaving out the -1.
 */
typedef int64_t blosc2_origin_fn(const void *context, int64_t chunk);

/**
 * In a change: take `chunk_count` chunks, stored ones as they are and new ones, in another arrangement; the
 * others are forgotten. No chunk is decoded. While all chunks are zeros, it costs the same for any number.
 * On failure nothing is changed.
 *
 * @param chunk_count  0 and more, of the fixed size that the super-chunk has.
 * @return BLOSC2_OK, BLOSC2_E_ARGUMENT (number, order, or sizes that vary), BLOSC2_E_IO, BLOSC2_E_MEMORY.
 */
BLOSC2_API int blosc2_schunk_rearrange(blosc2_schunk *schunk, int64_t chunk_count, blosc2_origin_fn *origin,
                                       const void *context);

/* Metalayers. Kinds: fixed (in the header) and variable (in the trailer, each compressed). */

typedef enum blosc2_layer_kind { BLOSC2_LAYER_FIXED = 0, BLOSC2_LAYER_VARIABLE = 1 } blosc2_layer_kind;

BLOSC2_API int blosc2_schunk_layer_count(const blosc2_schunk *schunk, blosc2_layer_kind kind);

/** Name of a layer by its position; valid until the super-chunk changes. */
BLOSC2_API const char *blosc2_schunk_layer_name(const blosc2_schunk *schunk, blosc2_layer_kind kind,
                                                int index);

/**
 * Content of a layer by its position.
 * @param content  Set to a heap block that the caller releases by blosc2_bytes_free().
 */
BLOSC2_API int blosc2_schunk_layer_content(const blosc2_schunk *schunk, blosc2_layer_kind kind, int index,
                                           uint8_t **content, int32_t *content_bytes);

/** Position of a name, or -1. */
BLOSC2_API int blosc2_schunk_find_layer(const blosc2_schunk *schunk, blosc2_layer_kind kind,
                                        const char *name);

/**
 * Set a layer, in a change. A fixed one must exist already, and the header must not grow once it
 * was committed; a variable one is made if new (at most 16).
 */
BLOSC2_API int blosc2_schunk_set_layer(blosc2_schunk *schunk, blosc2_layer_kind kind,
                                       const blosc2_metalayer *layer);

/**
 * Correct a fixed layer's content by one of the same length, outside of a change: this handle shows it from
 * now on, and the next commit stores it. For layers that another writer left stale.
 */
BLOSC2_API int blosc2_schunk_correct_layer(blosc2_schunk *schunk, const blosc2_metalayer *layer);

/** Delete a variable layer, in a change. BLOSC2_E_NOT_FOUND if it is not there. */
BLOSC2_API int blosc2_schunk_delete_layer(blosc2_schunk *schunk, const char *name);

/* ------------------------------------------------------------------ threads */

/** One piece of work. @param worker 0 <= worker < threads: which scratch to use. */
typedef int blosc2_work_fn(void *context, int worker, int64_t index);

/**
 * Run `work` for every index in [0, count) on up to `threads` threads of the process-wide pool, the caller
 * being worker 0. Returns the first failure (its message becomes the caller's) once all have stopped.
 * Nested calls run on the caller alone.
 */
BLOSC2_API int blosc2_parallel_for(int threads, int64_t count, blosc2_work_fn *work, void *context);

/**
 * Whether calls shall go on: asked by those that take long, in the thread that made them, twenty times a
 * second.
 * @return 0 to go on. Another value ends the call with BLOSC2_E_INTERRUPTED; a change is rolled back then.
 */
typedef int blosc2_interrupt_fn(void *context);

/** Ask this from now on; NULL: nothing, as at first. Before any other thread is in a call. */
BLOSC2_API void blosc2_set_interrupt(blosc2_interrupt_fn *ask, void *context);

/**
 * For callers whose own loops take long, between two blocks of work; also stops the work of a loop, in any
 * of its threads, that has failed in another one. Cheap: it asks when it is time.
 * @return BLOSC2_OK, or BLOSC2_E_INTERRUPTED: clean up and return it.
 */
BLOSC2_API int blosc2_check_interrupt(void);

/**
 * A readers-writer lock, for callers whose threads share a super-chunk: all are let in in the order in which
 * they ask. A thread must not take one lock twice, not even for reading.
 */
typedef struct blosc2_lock blosc2_lock;

BLOSC2_API int blosc2_lock_create(blosc2_lock **out);
BLOSC2_API void blosc2_lock_free(blosc2_lock *lock); /**< NULL is fine */

BLOSC2_API void blosc2_lock_share(blosc2_lock *lock);     /**< for reading */
BLOSC2_API bool blosc2_lock_try_share(blosc2_lock *lock); /**< the same; false if he had to wait */
BLOSC2_API void blosc2_lock_own(blosc2_lock *lock);       /**< for writing */
BLOSC2_API void blosc2_lock_release(blosc2_lock *lock);

/**
 * Who held a lock when fork() made this process, and is gone or is the thread that forked: what it guards may
 * be half-changed. In the child all locks are free.
 */
typedef enum blosc2_lost { BLOSC2_LOST_NONE, BLOSC2_LOST_READERS, BLOSC2_LOST_OWNER } blosc2_lost;
BLOSC2_API blosc2_lost blosc2_lock_lost(const blosc2_lock *lock);

/**
 * Something that a child process must set right after fork(): `run` is called there before fork() returns,
 * in the order in which watches were added (so, after the locks that were made before have been freed). It
 * may free memory, and should do little else. No forks on Windows.
 */
typedef struct blosc2_fork_watch {
    void (*run)(void *context);
    void *context;
    struct blosc2_fork_watch *previous, *next; /**< the library's */
} blosc2_fork_watch;

BLOSC2_API void blosc2_fork_watch_add(blosc2_fork_watch *watch); /**< stays where it is until removed */
BLOSC2_API void blosc2_fork_watch_remove(blosc2_fork_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
