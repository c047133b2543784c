/* jit_case.c: see jit_case.h. */
#include "jit_case.h"

#include <dlfcn.h>

int (*jit_compile)(const ligerc_request *, void **, size_t *, char *, size_t);
void (*jit_free)(void *);

void jit_open(const char *path)
{
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(lib);
    *(void **)&jit_compile = dlsym(lib, "ligerc_compile");
    *(void **)&jit_free = dlsym(lib, "ligerc_free");
    assert_true(jit_compile && jit_free);
}

static int32_t choice(const lgr_kernel *k, uint32_t option, const char *value)
{
    uint32_t n, def;
    lgr_kernel_option(k, option, &n, &def);
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(lgr_kernel_option_choice(k, option, i), value))
            return (int32_t)i;
    fail_msg("no choice %s", value);
    return -1;
}

static void tensor(Norm *n, int i, void *data, int rank, DLDeviceType device, DLDataType t)
{
    n->shape[i][0] = i == 1 ? JIT_N : JIT_M;
    n->shape[i][1] = JIT_N;
    n->t[i] = (DLTensor){.data = data, .device = {device, 0}, .ndim = rank, .dtype = t, .shape = n->shape[i]};
    n->list[i] = &n->t[i];
}

void norm_call(Norm *n, const lgr_kernel *k, DLDeviceType device, uint8_t dtype, const char *casting)
{
    DLDataType half = {dtype, 16, 1};
    memset(n, 0, sizeof *n);
    for (int i = 0; i < JIT_M * JIT_N; i++)
        n->x[i] = (uint16_t)(0x3c00 + 37 * i % 1024);            /* 1 .. 2 in f16, small numbers in bf16 */
    for (int i = 0; i < JIT_N; i++)
        n->w[i] = (uint16_t)(0x3800 + 11 * i);
    tensor(n, 0, n->x, 2, device, half);
    tensor(n, 1, n->w, 1, device, half);
    tensor(n, 2, n->y, 2, device, half);
    tensor(n, 3, n->rstd, 1, device, (DLDataType){kDLFloat, 32, 1});
    n->options[0] = choice(k, 0, "true");
    n->options[1] = choice(k, 1, casting);
    n->call = (lgr_call){.size = sizeof n->call, .kernel = k, .tensors = n->list, .ntensors = 4, .options = n->options, .noptions = 2};
}

lgr_context *norm_context(const char *cache, const char *compiler)
{
    lgr_config config = LGR_CONFIG_INIT;
    lgr_context *ctx;
    config.cache_dir = cache ? cache : "";
    config.compiler = compiler;
    config.host_threads = 1;
    assert_int_equal(lgr_context_create(&config, &ctx), LGR_OK);
    return ctx;
}

const lgr_kernel *norm_pack(lgr_context *ctx, const char *const *bindings, void **pack)
{
    const lgr_kernel *k;
    char why[256];
    size_t size;
    ligerc_request r = {.size = sizeof r, .name = JIT_SPEC, .kernel = "forward", .bindings = bindings, .target = "host"};
    while (bindings[r.nbindings])
        r.nbindings++;
    if (jit_compile(&r, pack, &size, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(lgr_pack_open_memory(ctx, *pack, size), LGR_OK);
    assert_int_equal(lgr_kernel_find(ctx, "rms_norm", "forward", &k), LGR_OK);
    return k;
}

void norm_expect(uint8_t dtype, const char *casting, Norm *want)
{
    char c[32], t[16], w[16];
    const char *fix[] = {t, w, c, "affine=true", NULL};
    lgr_context *ctx = norm_context(NULL, NULL);
    void *pack;
    snprintf(c, sizeof c, "casting=%s", casting);
    snprintf(t, sizeof t, "T=%s", dtype == kDLBfloat ? "bf16" : "f16");
    snprintf(w, sizeof w, "W=%s", dtype == kDLBfloat ? "bf16" : "f16");
    norm_call(want, norm_pack(ctx, fix, &pack), kDLCPU, dtype, casting);
    assert_int_equal(lgr_launch(ctx, &want->call), LGR_OK);
    lgr_context_destroy(ctx);
    jit_free(pack);
}
