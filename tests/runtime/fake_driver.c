/* fake_driver.c: the driver's table filled with functions that remember what they were asked. Devices 0 and up have contexts
 * 0x1000 + device; the call of number fake.fail_at fails.
 */
#include "toy_pack.h"

Fake fake;

static int call(const char *name)
{
    if (++fake.calls != fake.fail_at)
        return 0;
    fake.failed_call = name;
    return fake.fail_code;
}

#define CALL(name)          \
    do {                    \
        int rc_ = call(name); \
        if (rc_)            \
            return rc_;     \
    } while (0)

static void *stack[16];

static int f_init(unsigned flags) { (void)flags; CALL("cuInit"); return 0; }
static int f_device_count(int *n) { CALL("cuDeviceGetCount"); *n = fake.devices; return 0; }
static int f_device_get(int *dev, int i) { CALL("cuDeviceGet"); *dev = i; return 0; }
static int f_device_attr(int *v, int attr, int dev)
{
    (void)dev;
    if (call("cuDeviceGetAttribute")) {
        fake.hint = attr == LGR_CU_DEV_MEMORY_KHZ || attr == LGR_CU_DEV_MEMORY_BITS;
        return fake.fail_code;
    }
    switch (attr) {
    case LGR_CU_DEV_PROCESSORS:  *v = fake.processors; break;
    case LGR_CU_DEV_MEMORY_KHZ:  *v = fake.memory_khz; fake.clocks++; break;
    case LGR_CU_DEV_MEMORY_BITS: *v = fake.memory_bits; break;
    default:                     *v = attr == LGR_CU_DEV_MAJOR ? fake.sm / 10 : fake.sm % 10; break;
    }
    return 0;
}
static int f_device_uuid(void *uuid, int dev)
{
    if (call("cuDeviceGetUuid_v2")) {
        fake.hint = true;
        return fake.fail_code;
    }
    memset(uuid, 0x40 + dev, 16);
    return 0;
}
static int f_ctx_current(void **ctx) { CALL("cuCtxGetCurrent"); *ctx = fake.current; return 0; }
static int f_ctx_device(int *dev) { CALL("cuCtxGetDevice"); *dev = (int)((uintptr_t)fake.current - 0x1000); return 0; }
static int f_ctx_push(void *ctx) { CALL("cuCtxPushCurrent_v2"); stack[fake.depth++] = fake.current; fake.current = ctx; return 0; }
static int f_ctx_pop(void **ctx) { *ctx = fake.current; fake.current = stack[--fake.depth]; return 0; }
static int f_primary_retain(void **ctx, int dev) { CALL("cuDevicePrimaryCtxRetain"); fake.retained++; *ctx = (void *)(uintptr_t)(0x1000 + dev); return 0; }
static int f_primary_release(int dev) { (void)dev; fake.retained--; return 0; }
static int f_module_load(void **module, const void *image)
{
    CALL("cuModuleLoadData");
    fake.loads++;
    *module = (void *)(uintptr_t)(0x2000 + ++fake.modules);
    return image ? 0 : 1;
}
static int f_module_unload(void *m) { (void)m; fake.modules--; return 0; }
static int f_get_function(void **fn, void *m, const char *name)
{
    (void)m;
    CALL("cuModuleGetFunction");
    snprintf(fake.last_symbol, sizeof fake.last_symbol, "%s", name);
    *fn = (void *)(uintptr_t)(0x3000 + strlen(name));
    return 0;
}
static int f_func_attr(void *fn, int attr, int value)
{
    (void)fn;
    CALL("cuFuncSetAttribute");
    *(attr == LGR_CU_FUNC_CARVEOUT ? &fake.carveout : attr == LGR_CU_FUNC_WIDE_CLUSTER ? &fake.wide : &fake.shared_limit) =
        attr == LGR_CU_FUNC_CARVEOUT || attr == LGR_CU_FUNC_WIDE_CLUSTER || attr == LGR_CU_FUNC_MAX_SHARED ? value : -1;
    return 0;
}
static int f_launch(const LgrCuConfig *c, void *fn, void **params, void **extra)
{
    int i = fake.launches % 8;
    (void)extra;
    CALL("cuLaunchKernelEx");
    fake.launches++;
    fake.grid[i] = c->grid[0], fake.block[i] = c->block[0], fake.shared[i] = c->shared, fake.nattrs[i] = c->nattrs;
    for (uint32_t a = 0; a < c->nattrs && a < 2; a++)
        fake.attr[i][a] = c->attrs[a].id;
    memcpy(fake.words[i], params[0], sizeof(uint64_t) * 9);
    fake.stream[i] = c->stream, fake.fn[i] = fn;
    return 0;
}
static int f_is_capturing(void *stream, int *status)
{
    (void)stream;
    CALL("cuStreamIsCapturing");
    *status = fake.capturing;
    return fake.capturing == LGR_CU_CAPTURE_IMPLICIT ? fake.capturing : 0;
}
static int f_set8(uint64_t p, unsigned char v, size_t n, void *stream)
{
    (void)stream, (void)v;
    CALL("cuMemsetD8Async");
    fake.set_at[fake.sets % 16] = p, fake.set_bytes[fake.sets++ % 16] = n;
    return 0;
}
static int f_set2d8(uint64_t p, size_t pitch, unsigned char v, size_t width, size_t height, void *stream)
{
    (void)stream, (void)v;
    CALL("cuMemsetD2D8Async");
    fake.set_at[fake.sets % 16] = p, fake.set_bytes[fake.sets++ % 16] = pitch * 1000 + width * height;
    return 0;
}
static int f_link_create(unsigned n, int *o, void **v, void **state) { (void)n, (void)o, (void)v; CALL("cuLinkCreate_v2"); fake.links++; *state = &fake; return 0; }
static int f_link_add(void *state, int type, void *data, size_t size, const char *name, unsigned n, int *o, void **v)
{
    (void)state, (void)type, (void)data, (void)size, (void)name, (void)n, (void)o, (void)v;
    CALL("cuLinkAddData_v2");
    return 0;
}
static int f_link_complete(void *state, void **cubin, size_t *size)
{
    (void)state;
    CALL("cuLinkComplete");
    static char made[] = "assembled";
    fake.assembled++;
    *cubin = made, *size = sizeof made;
    return 0;
}
static int f_link_destroy(void *state) { (void)state; fake.links--; return 0; }
static int f_error_name(int code, const char **name) { *name = code == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_OTHER"; return 0; }

static const LgrCudaDriver driver = {
#define X(field, name, suffix, version, args) f_##field,
#include "cuda_driver.def"
#undef X
};

/* CUDA 12's form: name, place, version, flags, what was found. Functions newer than the version are not given out. */
static int f_get_proc(const char *name, void **fn, int version, uint64_t flags, int *found)
{
    static const struct { const char *name; int since; void *const *fn; } all[] = {
#define X(field, n, suffix, v, args) {n, v, (void *const *)&driver.field},
#include "cuda_driver.def"
#undef X
    };
    fake.asked++;
    fake.flags |= flags;
    *found = 1;                                   /* CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND */
    *fn = NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, name) && (!fake.hidden || strcmp(fake.hidden, name))) {
            *found = version == all[i].since ? 0 : 2;
            *fn = *found ? NULL : *all[i].fn;
        }
    return 0;
}

void *fake_symbol(void *lib, const char *symbol)
{
    (void)lib;
    if (!strcmp(symbol, "cuGetProcAddress_v2"))
        return fake.old ? NULL : (void *)f_get_proc;
    fake.exported++;
    if (fake.absent && !strcmp(symbol, fake.absent))
        return NULL;
#define X(field, name, suffix, version, args) if (!strcmp(symbol, name suffix)) return *(void *const *)&driver.field;
#include "cuda_driver.def"
#undef X
    return NULL;
}

const LgrCudaDriver *fake_driver(void)
{
    memset(&fake, 0, sizeof fake);
    fake.sm = 90, fake.processors = 4, fake.devices = 2;
    return &driver;
}
