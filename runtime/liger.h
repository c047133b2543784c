/* liger.h: libliger, the runtime of the Liger tile compiler.
 *
 * Loads kernels from packs (.lgk) and launches them on DLPack tensors, on CUDA devices and on the host's processor, from
 * plain C.  Needs libc, libdl and libpthread; the CUDA driver is opened at run time where there is one.
 *
 * Chapters: 1 status codes, 2 contexts, 3 packs and kernels, 4 calls, 5 errors.
 *
 * Rules for all of it.  Nothing here exits, prints or throws.  Every function may be called from any thread; a context is
 * destroyed by one thread when no other uses it.  Objects a function returns belong to the context.  Structures that may
 * grow begin with their size: set it to sizeof, and zero the rest, or use the *_INIT macros.
 */
#ifndef LIGER_H
#define LIGER_H
#include "dlpack.h"

#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#define LGR_API __attribute__((visibility("default")))
#else
#define LGR_API
#endif

#define LGR_VERSION_MAJOR 0
#define LGR_VERSION_MINOR 1

/* ---- 1 status codes: stable numbers ---- */

/* X(name, number, sentence) */
#define LGR_STATUS_LIST(X)                                                                       \
    X(LGR_OK, 0, "done")                                                                         \
    X(LGR_ERROR_MEMORY, 1, "memory ran out")                                                     \
    X(LGR_ERROR_ARGUMENT, 2, "an argument of the call itself is missing or malformed")           \
    X(LGR_ERROR_PACK, 3, "not a pack, or a damaged one")                                         \
    X(LGR_ERROR_IO, 4, "a file could not be opened or read")                                     \
    X(LGR_ERROR_NO_KERNEL, 5, "no open pack has this op or kernel")                              \
    X(LGR_ERROR_NO_INSTANCE, 6, "the kernel is not in the pack for these dtypes and options")    \
    X(LGR_ERROR_NO_TARGET, 7, "the kernel is not in the pack for this device")                   \
    X(LGR_ERROR_NO_VARIANT, 8, "no variant's conditions hold for these tensors")                 \
    X(LGR_ERROR_RANK, 9, "a tensor has the wrong number of dimensions")                          \
    X(LGR_ERROR_SHAPE, 10, "a tensor has the wrong extent")                                      \
    X(LGR_ERROR_DTYPE, 11, "a tensor has the wrong element type")                                \
    X(LGR_ERROR_DEVICE, 12, "a tensor is on the wrong device")                                   \
    X(LGR_ERROR_STRIDE, 13, "a tensor's strides cannot be served")                               \
    X(LGR_ERROR_ALIAS, 14, "tensors overlap in a way the kernel does not allow")                 \
    X(LGR_ERROR_NULL, 15, "a tensor that the kernel needs is missing, or one it lacks is given") \
    X(LGR_ERROR_OPTION, 16, "an option has no such value")                                       \
    X(LGR_ERROR_WORKSPACE, 17, "the workspace is missing or too small")                          \
    X(LGR_ERROR_NOT_PREPARED, 18, "the stream is being captured and the kernel is not loaded")   \
    X(LGR_ERROR_NO_DRIVER, 19, "no CUDA driver, or one that is too old")                         \
    X(LGR_ERROR_DRIVER, 20, "a call of the CUDA driver failed")                                  \
    X(LGR_ERROR_LIMIT, 21, "larger than the runtime serves")                                     \
    X(LGR_ERROR_COMPILER, 22, "the compiler is not there, or refused the kernel")                \
    X(LGR_ERROR_RANGE, 23, "a scalar is outside the range that the kernel takes")

typedef enum lgr_status {
#define LGR_STATUS_ENUM(name, number, doc) name = number,
    LGR_STATUS_LIST(LGR_STATUS_ENUM)
#undef LGR_STATUS_ENUM
    LGR_STATUS_MAX = 0x7fffffff
} lgr_status;

LGR_API const char *lgr_status_name(lgr_status s);      /* "LGR_ERROR_SHAPE" */
LGR_API const char *lgr_status_sentence(lgr_status s);
LGR_API uint32_t    lgr_version(void);                  /* major << 16 | minor of the library */

/* ---- 2 contexts ---- */

typedef struct lgr_context lgr_context;

typedef enum lgr_log_level { LGR_LOG_ERROR, LGR_LOG_INFO, LGR_LOG_DEBUG } lgr_log_level;

typedef struct lgr_config {
    size_t size;
    void *(*alloc)(void *user, size_t bytes);           /* NULL: malloc. Must return 16-byte aligned memory or NULL */
    void  (*release)(void *user, void *p);
    void  (*log)(void *user, lgr_log_level level, const char *text);   /* NULL: silence */
    void   *user;
    uint32_t host_threads;                              /* 0: one a processor. Results do not depend on it */
    const char *cache_dir;                              /* code that the driver or the compiler made, and what a driver is slow to tell; NULL: $XDG_CACHE_HOME/liger or ~/.cache/liger; "": none */
    uint64_t cache_limit;                               /* bytes; 0: 256 MiB */
    const void *driver;                                 /* a filled driver table instead of the installed one (tests); NULL: dlopen */
    const char *compiler;                               /* compile what no open pack holds: path of libligerc; "": $LGR_COMPILER, else beside libliger, else where libraries lie; NULL: never */
} lgr_config;
#define LGR_CONFIG_INIT {sizeof(lgr_config), 0, 0, 0, 0, 0, 0, 0, 0, 0}

/* config may be NULL; it and its strings are copied. No device is touched. */
LGR_API lgr_status lgr_context_create(const lgr_config *config, lgr_context **out);
LGR_API void       lgr_context_destroy(lgr_context *ctx);             /* NULL is legal; unloads all code */

/* ---- 3 packs and kernels ---- */

typedef struct lgr_kernel lgr_kernel;

/* Maps a pack read-only and checks its manifest. Kernels of later packs hide equal ones of earlier packs. */
LGR_API lgr_status lgr_pack_open(lgr_context *ctx, const char *path);
/* The same from memory, which must stay valid and unchanged until the context is destroyed; 8-byte aligned. */
LGR_API lgr_status lgr_pack_open_memory(lgr_context *ctx, const void *data, size_t size);
/* Kernels of a spec, all of whose code the compiler makes when it is first wanted; needs lgr_config.compiler, or a cache that it filled.
 * A kernel of a pack that carries its spec's source (ligerc writes it in) needs no such call: what the pack lacks is compiled the same way.
 * Compiling happens in lgr_prepare, lgr_workspace_size, lgr_explain or the first lgr_launch, one at a time; never while the stream is captured. */
LGR_API lgr_status lgr_spec_open(lgr_context *ctx, const char *path);

LGR_API lgr_status lgr_kernel_find(lgr_context *ctx, const char *op, const char *kernel, const lgr_kernel **out);
LGR_API uint32_t   lgr_kernel_count(lgr_context *ctx);
LGR_API const lgr_kernel *lgr_kernel_at(lgr_context *ctx, uint32_t i);

/* What a kernel wants, for tools and bindings. Strings belong to the pack. */
typedef struct lgr_tensor_info { const char *name; int32_t rank; int32_t is_out; int32_t over; const char *type; } lgr_tensor_info;
LGR_API const char *lgr_kernel_op(const lgr_kernel *k);
LGR_API const char *lgr_kernel_name(const lgr_kernel *k);
LGR_API uint32_t lgr_kernel_tensors(const lgr_kernel *k);
LGR_API lgr_tensor_info lgr_kernel_tensor(const lgr_kernel *k, uint32_t i);    /* over: index of the input it may lie over, or -1; type: "f32" or the type parameter's name */
LGR_API uint32_t lgr_kernel_scalars(const lgr_kernel *k);
LGR_API const char *lgr_kernel_scalar(const lgr_kernel *k, uint32_t i, double *default_value);
/* The values that a scalar may have, as its declaration writes them: "[0, 1]", "(0, inf)", an end in round brackets left out; "" when there is no
 * bound. NaN is outside every range. buf gets at most n bytes. */
LGR_API void lgr_kernel_scalar_range(const lgr_kernel *k, uint32_t i, char *buf, size_t n);
LGR_API uint32_t lgr_kernel_options(const lgr_kernel *k);
LGR_API const char *lgr_kernel_option(const lgr_kernel *k, uint32_t i, uint32_t *choices, uint32_t *default_choice);
LGR_API const char *lgr_kernel_option_choice(const lgr_kernel *k, uint32_t i, uint32_t choice);
/* The extent of a tensor's dimension as text over the kernel's dims ("M", "2*F", "D/2"). buf gets at most n bytes. */
LGR_API void lgr_kernel_extent(const lgr_kernel *k, uint32_t tensor, uint32_t dim, char *buf, size_t n);

/* ---- 4 calls ---- */

typedef union lgr_scalar { double f; int64_t i; } lgr_scalar;

/* One launch.  Tensors stand in the kernel's order; an optional one that the options leave out is NULL.  All of them are on
 * one device, which is where the kernel runs: kDLCUDA and kDLCUDAManaged on `stream` (a CUstream; NULL: the default stream),
 * kDLCPU on the calling thread and the context's own, complete on return.  A tensor of higher rank than the kernel's has its leading
 * dimensions folded into the first where its strides allow.  Inputs may have any strides; outputs may not overlap anything but
 * the input they are declared over, and then address and strides must be the same. */
typedef struct lgr_call {
    size_t size;
    const lgr_kernel *kernel;
    const DLTensor *const *tensors;
    uint32_t ntensors;
    const lgr_scalar *scalars;      /* NULL: all at their defaults */
    uint32_t nscalars;
    const int32_t *options;         /* choice by option; NULL: all at their defaults */
    uint32_t noptions;
    void  *stream;
    void  *workspace;               /* device memory, 256-byte aligned, of at least lgr_workspace_size() bytes, holding anything; may be reused after the launch in stream order */
    size_t workspace_size;
    uint32_t variant, nest;         /* for tuners and bug reports: 0: the runtime chooses; else 1 + the place in its list of the variant of that par nest, which must serve */
} lgr_call;

/* Checks everything, then launches.  Once the kernel is prepared: no allocation, lock, synchronisation or file access, and
 * legal while the stream is being captured. */
LGR_API lgr_status lgr_launch(lgr_context *ctx, const lgr_call *call);
/* Loads what lgr_launch(call) would need, without launching. */
LGR_API lgr_status lgr_prepare(lgr_context *ctx, const lgr_call *call);
/* Bytes of workspace that lgr_launch(call) needs; the call's own workspace is not looked at. */
LGR_API lgr_status lgr_workspace_size(lgr_context *ctx, const lgr_call *call, size_t *bytes);

enum { LGR_MAX_LAUNCHES = 7 };      /* of a variant */

/* Which variant a call takes, and why it is what it is. Strings belong to the pack. */
typedef struct lgr_choice {
    size_t size;
    const char *target, *schedule, *symbol;
    uint32_t variant, variants;     /* its place in the list, most special first */
    uint32_t launches;
    uint32_t blocks[LGR_MAX_LAUNCHES], threads[LGR_MAX_LAUNCHES], shared[LGR_MAX_LAUNCHES];
    int32_t registers, spills;      /* of the first launch; -1 unknown */
    size_t workspace;
    int64_t instances, row_length;
    uint32_t nest, nests;           /* of a kernel of several par nests, the one with the most elements is told of */
} lgr_choice;
LGR_API lgr_status lgr_explain(lgr_context *ctx, const lgr_call *call, lgr_choice *out);

/* ---- 5 errors ---- */

/* The last failure of a call on this thread. Texts are empty where they do not apply. */
typedef struct lgr_error {
    lgr_status status;
    char op[96];                    /* "rms_norm.forward" */
    char argument[48];              /* tensor, scalar or option */
    char found[160], wanted[160];
    char driver_call[48];
    int32_t driver_code;
} lgr_error;
LGR_API const lgr_error *lgr_last_error(void);
/* The same as one line: "rms_norm.forward: w: shape[0] is 5, wanted N = 4096 (from x.shape[1])". */
LGR_API size_t lgr_last_error_text(char *buf, size_t n);

#ifdef __cplusplus
}
#endif
#endif
