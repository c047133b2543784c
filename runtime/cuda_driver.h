/* cuda_driver.h: the part of the CUDA driver that the runtime uses, as one table of function pointers.
 *
 * Declared here because the driver's own headers are not needed to run.  lgr_config.driver may point to a filled LgrCudaDriver:
 * tests do.  Layouts follow the driver API reference; the sizes are asserted below.
 */
#ifndef LGR_CUDA_DRIVER_H
#define LGR_CUDA_DRIVER_H
#include <stddef.h>
#include <stdint.h>

typedef struct LgrCuAttribute { uint32_t id; uint32_t pad; uint64_t value[8]; } LgrCuAttribute;
typedef struct LgrCuConfig {
    uint32_t grid[3], block[3], shared;
    void *stream;
    LgrCuAttribute *attrs;
    uint32_t nattrs;
} LgrCuConfig;
_Static_assert(sizeof(LgrCuAttribute) == 72 && offsetof(LgrCuAttribute, value) == 8, "CUlaunchAttribute");
_Static_assert(sizeof(LgrCuConfig) == 56 && offsetof(LgrCuConfig, stream) == 32, "CUlaunchConfig");

enum { LGR_CU_CAPTURE_IMPLICIT = 906, LGR_CU_ATTR_CLUSTER = 4, LGR_CU_ATTR_PDL = 6, LGR_CU_FUNC_MAX_SHARED = 8, LGR_CU_FUNC_CARVEOUT = 9, LGR_CU_FUNC_WIDE_CLUSTER = 14, LGR_CU_DEV_PROCESSORS = 16, LGR_CU_DEV_MEMORY_KHZ = 36, LGR_CU_DEV_MEMORY_BITS = 37, LGR_CU_DEV_MAJOR = 75, LGR_CU_DEV_MINOR = 76 };

typedef struct LgrCudaDriver {
#define X(field, name, suffix, version, args) int(*field) args;
#include "cuda_driver.def"
#undef X
} LgrCudaDriver;

/* Fills f: each function by the driver's cuGetProcAddress_v2 in the very form it is declared with here, where the driver has that (CUDA 12);
 * by its exported symbol otherwise.  find is dlsym.  The symbol that neither gives, or NULL when all is well. */
const char *lgr__cuda_bind(LgrCudaDriver *f, void *(*find)(void *lib, const char *symbol), void *lib);

#endif
