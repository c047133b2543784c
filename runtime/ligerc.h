/* ligerc.h: the compiler as a library, libligerc: one call from a spec's text to a pack in memory.
 *
 * libliger opens it at run time where lgr_config.compiler asks for that; a program may do the same by dlopen.  Calls share nothing and
 * may be made from any thread.  No process is started and no file but the spec is read: code for a GPU is PTX.  Equal requests give
 * equal bytes on one processor model and one build of the library.
 */
#ifndef LIGERC_H
#define LIGERC_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#define LIGERC_API __attribute__((visibility("default")))
#else
#define LIGERC_API
#endif

enum { LIGERC_OK = 0, LIGERC_INPUT = 1, LIGERC_ARGUMENT = 2, LIGERC_FILE = 3, LIGERC_UNSUPPORTED = 4, LIGERC_INTERNAL = 70 };

typedef struct ligerc_request {
    size_t size;                       /* sizeof(ligerc_request) */
    const char *name;                  /* of the spec in diagnostics; its path when text is NULL */
    const char *text; size_t length;   /* the spec */
    const char *kernel;                /* NULL: all of the op */
    const char *const *bindings; uint32_t nbindings;   /* "T=bf16", "casting=llama"; what none names is compiled for every value */
    const char *target;                /* "host", a target's name, or "sm_<capability>": the best of those that such a GPU runs. NULL: no code, what the kernels want */
} ligerc_request;

/* The pack is the caller's until ligerc_free().  On failure *pack is NULL and diagnostic holds the first error in one line. */
LIGERC_API int  ligerc_compile(const ligerc_request *r, void **pack, size_t *size, char *diagnostic, size_t room);
LIGERC_API void ligerc_free(void *pack);
LIGERC_API uint32_t ligerc_format(void);   /* of the packs it makes */

#ifdef __cplusplus
}
#endif
#endif
