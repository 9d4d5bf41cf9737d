"""What _core.pyx takes from the C libraries; blosc2.h and caterva.h say what each does. Found by its name."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"  # where its address is taken: a bint is an int


cdef extern from "blosc2.h":
    enum: BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD
    enum: BLOSC2_MAX_CHUNK_BYTES, BLOSC2_MAX_FILTERS, BLOSC2_MAX_METALAYERS
    ctypedef enum blosc2_status:
        BLOSC2_OK, BLOSC2_E_ARGUMENT, BLOSC2_E_CORRUPT, BLOSC2_E_UNSUPPORTED, BLOSC2_E_CODEC, BLOSC2_E_IO
        BLOSC2_E_MEMORY, BLOSC2_E_EXISTS, BLOSC2_E_NOT_FOUND, BLOSC2_E_READ_ONLY, BLOSC2_E_CHANGED
        BLOSC2_E_INTERRUPTED, BLOSC2_E_LIMIT, BLOSC2_E_LOCKED
    int blosc2_fail(int status, const char *format, ...) noexcept nogil
    const char *blosc2_last_error() noexcept nogil
    int blosc2_last_os_error() noexcept nogil
    const char *blosc2_last_path() noexcept nogil
    const char *blosc2_codec_name(int codec) noexcept nogil
    const char *blosc2_codec_version(int codec) noexcept nogil
    const char *blosc2_kernels_name() noexcept nogil
    size_t blosc2_kernels_list(const char **names, size_t max) noexcept nogil
    bint blosc2_kernels_can_run(const char *name) noexcept nogil
    const char *blosc2_compiler() noexcept nogil
    int blosc2_init() noexcept nogil
    ctypedef int blosc2_interrupt_fn(void *context) noexcept nogil
    void blosc2_set_interrupt(blosc2_interrupt_fn *ask, void *context) noexcept nogil

    ctypedef enum blosc2_home: pass
    ctypedef enum blosc2_mode: BLOSC2_READ, BLOSC2_UPDATE, BLOSC2_READ_MAPPED
    ctypedef enum blosc2_layer_kind: pass
    ctypedef struct blosc2_cparams:
        int32_t item_bytes
        int codec, clevel, split
        bint use_dict
        uint8_t filters[6]
        uint8_t filters_meta[6]
    ctypedef enum blosc2_durability: pass
    ctypedef enum blosc2_checksums: pass
    ctypedef enum blosc2_locking: pass
    ctypedef struct blosc2_safety:
        blosc2_durability durability
        blosc2_checksums checksums
        blosc2_locking locking
        int32_t lock_timeout_ms
    ctypedef enum blosc2_seal: pass
    ctypedef enum blosc2_use: pass
    ctypedef struct blosc2_verdict:
        int64_t verified, unverified, bad
    ctypedef struct blosc2_bad:
        int64_t chunk
        int32_t block, block_bytes
        const char *reason
    ctypedef void blosc2_bad_fn(void *context, const blosc2_bad *bad) noexcept nogil
    ctypedef enum blosc2_note: pass
    ctypedef enum blosc2_mend: pass
    ctypedef void blosc2_note_fn(void *context, blosc2_note what, const char *text) noexcept nogil
    ctypedef int blosc2_progress_fn(void *context, int64_t done, int64_t count) noexcept nogil
    ctypedef struct blosc2_workspace: pass
    int blosc2_workspace_create(blosc2_workspace **out) noexcept nogil
    void blosc2_workspace_free(blosc2_workspace *workspace) noexcept nogil
    ctypedef struct blosc2_view:
        int32_t nbytes
    int blosc2_view_init(blosc2_view *view, const void *bytes, size_t available, int32_t frame_item_bytes,
                         int64_t max_nbytes) noexcept nogil
    int blosc2_view_decode(const blosc2_view *view, void *out, blosc2_workspace *workspace) noexcept nogil

    ctypedef struct blosc2_metalayer:
        const char *name
        const uint8_t *content
        int32_t content_bytes
    ctypedef int blosc2_read_fn(void *context, void *out, size_t bytes, int64_t position) noexcept nogil
    ctypedef struct blosc2_origin:
        const char *path
        int64_t offset
        blosc2_mode mode
        const void *bytes
        blosc2_read_fn *read
        void *context
        int64_t size
        int64_t max_bytes
        blosc2_safety safety
        c_bool prefers_copy
    ctypedef struct blosc2_schunk: pass
    int blosc2_schunk_open(const char *path, int64_t offset, blosc2_mode mode,
                           blosc2_schunk **out) noexcept nogil
    int blosc2_schunk_from_bytes(const void *bytes, size_t size, blosc2_schunk **out) noexcept nogil
    void blosc2_schunk_free(blosc2_schunk *schunk) noexcept nogil
    blosc2_home blosc2_schunk_home(const blosc2_schunk *schunk) noexcept nogil
    bint blosc2_schunk_read_only(const blosc2_schunk *schunk) noexcept nogil
    const char *blosc2_schunk_path(const blosc2_schunk *schunk) noexcept nogil
    const blosc2_cparams *blosc2_schunk_cparams(const blosc2_schunk *schunk) noexcept nogil
    ctypedef enum blosc2_recovery: pass
    blosc2_recovery blosc2_schunk_recovery(const blosc2_schunk *schunk) noexcept nogil
    void blosc2_schunk_remove_beside(const char *path) noexcept nogil
    int blosc2_find_second(const char *path, int64_t *position) noexcept nogil
    c_bool blosc2_schunk_changing(const blosc2_schunk *schunk) noexcept nogil
    blosc2_seal blosc2_schunk_seal(const blosc2_schunk *schunk) noexcept nogil
    const blosc2_safety *blosc2_schunk_safety(const blosc2_schunk *schunk) noexcept nogil
    int64_t blosc2_schunk_chunk_count(const blosc2_schunk *schunk) noexcept nogil
    int32_t blosc2_schunk_chunk_bytes(const blosc2_schunk *schunk) noexcept nogil
    int32_t blosc2_schunk_block_bytes(const blosc2_schunk *schunk) noexcept nogil
    int blosc2_schunk_view(const blosc2_schunk *schunk, int64_t chunk, const int32_t *blocks,
                           int32_t block_count, blosc2_workspace *workspace, blosc2_view *view) noexcept nogil
    int blosc2_schunk_layer_count(const blosc2_schunk *schunk, blosc2_layer_kind kind) noexcept nogil
    const char *blosc2_schunk_layer_name(const blosc2_schunk *schunk, blosc2_layer_kind kind,
                                         int index) noexcept nogil
    int blosc2_schunk_layer_content(const blosc2_schunk *schunk, blosc2_layer_kind kind, int index,
                                    uint8_t **content, int32_t *content_bytes) noexcept nogil
    void blosc2_bytes_free(uint8_t *bytes) noexcept nogil


cdef extern from "caterva.h":
    enum: CATERVA_MAX_NDIM
    enum: CATERVA_LARGE_BYTES
    ctypedef struct caterva_array: pass
    ctypedef struct caterva_geometry:
        int ndim
        int32_t item_bytes
        int64_t shape[16]
        int32_t chunks[16]
        int32_t blocks[16]
    ctypedef enum caterva_fill: pass
    ctypedef struct caterva_options:
        caterva_geometry geometry
        const char *dtype
        blosc2_home home
        const char *path
        blosc2_safety safety
        blosc2_cparams cparams
        caterva_fill fill
        const void *fill_value
        const blosc2_metalayer *metalayers
        int metalayer_count
        int threads
        int64_t cache_bytes
    ctypedef struct caterva_selection:
        int64_t start[16]
        int64_t count[16]
        int64_t step[16]
    int caterva_array_create(const caterva_options *options, caterva_array **out) noexcept nogil
    int caterva_array_open_origin(const blosc2_origin *origin, caterva_array **out) noexcept nogil
    void caterva_array_free(caterva_array *array) noexcept nogil
    bint caterva_array_is_lost(const caterva_array *array) noexcept nogil
    void caterva_array_get_geometry(caterva_array *array, caterva_geometry *out) noexcept nogil
    const char *caterva_array_dtype(const caterva_array *array) noexcept nogil
    const blosc2_schunk *caterva_array_schunk(const caterva_array *array) noexcept nogil
    int caterva_array_threads(const caterva_array *array) noexcept nogil
    void caterva_array_set_threads(caterva_array *array, int threads) noexcept nogil
    void caterva_array_inherit_doubt(caterva_array *array, caterva_array *source) noexcept nogil
    int caterva_array_read(caterva_array *array, const caterva_selection *selection, void *out,
                           const int64_t *strides) noexcept nogil
    int caterva_array_read_of(caterva_array *array, blosc2_use use, const caterva_geometry *made_for,
                              const caterva_selection *selection, void *out, const int64_t *strides,
                              c_bool *is_other) noexcept nogil
    bint caterva_array_read_hot(caterva_array *array, const caterva_geometry *made_for,
                                const caterva_selection *item, void *out) noexcept nogil
    int64_t caterva_array_cache_bytes(caterva_array *array) noexcept nogil
    void caterva_array_set_cache_bytes(caterva_array *array, int64_t bytes) noexcept nogil
    int caterva_array_write(caterva_array *array, const caterva_selection *selection, const void *values,
                            const int64_t *strides) noexcept nogil
    ctypedef struct caterva_box:
        caterva_selection selection
        const void *values
        const int64_t *strides
    ctypedef int caterva_box_fn(void *context, const caterva_geometry *geometry,
                                caterva_box *out) noexcept nogil
    int caterva_array_plan_write(caterva_array *array, const caterva_geometry *made_for,
                                 const caterva_box *box, caterva_box_fn *make, void *context) noexcept nogil
    int caterva_array_copy(caterva_array *source, const caterva_options *options,
                           caterva_array **out) noexcept nogil
    int caterva_array_resize(caterva_array *array, const int64_t *shape) noexcept nogil
    ctypedef enum caterva_step_kind: CATERVA_STEP_WRITE
    ctypedef struct caterva_step:
        caterva_step_kind kind
        int64_t start, count, source
    ctypedef struct caterva_edit:
        int axis
        const caterva_step *steps
        int64_t step_count
        const void *values
        const int64_t *strides
    ctypedef int caterva_plan_fn(void *context, const caterva_geometry *geometry,
                                 caterva_edit *out) noexcept nogil
    int caterva_array_plan_edit(caterva_array *array, caterva_plan_fn *plan, void *context) noexcept nogil
    int caterva_array_refresh(caterva_array *array, c_bool *changed) noexcept nogil
    int caterva_array_begin(caterva_array *array) noexcept nogil
    int caterva_array_commit(caterva_array *array) noexcept nogil
    void caterva_array_rollback(caterva_array *array) noexcept nogil
    int caterva_array_begin_change(caterva_array *array, int64_t *number) noexcept nogil
    int caterva_array_commit_change(caterva_array *array, int64_t number) noexcept nogil
    void caterva_array_rollback_change(caterva_array *array, int64_t number) noexcept nogil
    void caterva_array_abandon(caterva_array *array, int64_t number) noexcept nogil
    int caterva_array_flush(caterva_array *array) noexcept nogil
    int caterva_array_finish(caterva_array *array) noexcept nogil
    int caterva_array_compact(caterva_array *array) noexcept nogil
    ctypedef struct caterva_name:
        char text[32]
    int caterva_array_layer_names(caterva_array *array, blosc2_layer_kind kind, caterva_name **names,
                                  int *count) noexcept nogil
    void caterva_names_free(caterva_name *names) noexcept nogil
    int caterva_array_layer(caterva_array *array, blosc2_layer_kind kind, const char *name, uint8_t **content,
                            int32_t *content_bytes) noexcept nogil
    int caterva_array_set_layers(caterva_array *array, blosc2_layer_kind kind, const blosc2_metalayer *layers,
                                 int count) noexcept nogil
    int caterva_array_clear_layers(caterva_array *array, const blosc2_metalayer *kept,
                                   int count) noexcept nogil
    int caterva_array_verify(caterva_array *array, int64_t *next, blosc2_bad_fn *bad, void *context,
                             blosc2_verdict *verdict) noexcept nogil
    int caterva_array_check_copies(caterva_array *array, blosc2_note_fn *note, void *context,
                                   c_bool *twice) noexcept nogil
    int caterva_array_repair(caterva_array *array, blosc2_mend accepted, c_bool *is_other) noexcept nogil
    int caterva_array_adopt(caterva_array *array, blosc2_progress_fn *progress,
                            void *context) noexcept nogil
    int caterva_array_to_bytes(caterva_array *array, uint8_t **bytes, size_t *size) noexcept nogil
    int caterva_array_stored_bytes(caterva_array *array, int64_t *bytes) noexcept nogil
    ctypedef int caterva_content_fn(void *context, const uint8_t *content, int32_t content_bytes,
                                    blosc2_metalayer *out) noexcept nogil
    int caterva_array_change_layer(caterva_array *array, const char *name, caterva_content_fn *content_of,
                                   void *context) noexcept nogil
