/* Kernels compiled on request: the same bytes and results as built ahead, taken from the cache by a process without a compiler, made again
 * after damage, refused with a reason; for the host, for a GPU (a driver that only remembers), from many threads at once.
 *
 * usage: test_jit LIBLIGERC, or test_jit cached DIR PACK: launches in a process that never sees a compiler
 */
#include "jit_case.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self, *compiler;
static const char *const one[] = {"T=f16", "W=f16", "casting=llama", "affine=true", NULL};
static const char nowhere[] = "/nonexistent/libligerc.so";
static const char missing[] = "rms_norm.forward: compiler: /nonexistent/libligerc.so: cannot open shared object file: No such file or directory, "
                              "wanted libligerc, to make T=bf16 W=bf16 affine=true casting=gemma for host [LGR_ERROR_COMPILER]";

static void expect_text(const char *want)
{
    char text[1024];
    lgr_last_error_text(text, sizeof text);
    assert_string_equal(text, want);
}

/* The pack of f16, llama in a file. */
static void save_pack(const char *path)
{
    char why[64];
    void *p;
    size_t n;
    ligerc_request r = {.size = sizeof r, .name = JIT_SPEC, .kernel = "forward", .bindings = one, .nbindings = 4, .target = "host"};
    assert_int_equal(jit_compile(&r, &p, &n, why, sizeof why), LIGERC_OK);
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
    jit_free(p);
}

static int launch_cached(const char *cache, const char *pack)
{
    Norm n;
    const lgr_kernel *k;
    lgr_context *ctx = norm_context(cache, nowhere);
    if (lgr_pack_open(ctx, pack) != LGR_OK || lgr_kernel_find(ctx, "rms_norm", "forward", &k) != LGR_OK)
        return 2;
    norm_call(&n, k, kDLCPU, kDLBfloat, "gemma");
    return lgr_launch(ctx, &n.call) != LGR_OK;
}

/* Launches bf16, gemma in a context whose pack holds f16, llama. */
static lgr_status launch(const char *cache, const char *with, Norm *n)
{
    void *pack;
    lgr_context *ctx = norm_context(cache, with);
    norm_call(n, norm_pack(ctx, one, &pack), kDLCPU, kDLBfloat, "gemma");
    lgr_status s = lgr_launch(ctx, &n->call);
    lgr_context_destroy(ctx);
    jit_free(pack);
    return s;
}

static void same_results(const Norm *got)
{
    Norm want;
    norm_expect(kDLBfloat, "gemma", &want);
    assert_memory_equal(got->y, want.y, sizeof want.y);
    assert_memory_equal(got->rstd, want.rstd, sizeof want.rstd);
    assert_true(got->y[0] != 0);
}

static void equal_bytes(void **state)
{
    (void)state;
    char why[64];
    void *p[2];
    size_t n[2];
    static const char *const targets[] = {"host", "sm_90", "sm_103"};
    for (int t = 0; t < 3; t++) {
        ligerc_request r = {.size = sizeof r, .name = JIT_SPEC, .kernel = "backward", .bindings = one, .nbindings = 4, .target = targets[t]};
        for (int i = 0; i < 2; i++)
            assert_int_equal(jit_compile(&r, &p[i], &n[i], why, sizeof why), LIGERC_OK);
        assert_int_equal(n[0], n[1]);
        assert_memory_equal(p[0], p[1], n[0]);
        jit_free(p[0]);
        jit_free(p[1]);
    }
    static const char bad[] = "op a\nkernel forward (in x: f32[M]) { }\n";
    ligerc_request r = {.size = sizeof r, .name = "a.tile", .text = bad, .length = sizeof bad - 1, .target = "host"};
    assert_int_equal(jit_compile(&r, &p[0], &n[0], why, sizeof why), LIGERC_INPUT);
    assert_true(p[0] == NULL && !strncmp(why, "a.tile:2:", 9));
    r.target = "sim";
    assert_int_equal(jit_compile(&r, &p[0], &n[0], why, sizeof why), LIGERC_UNSUPPORTED);
    r.text = NULL, r.target = "host";
    assert_int_equal(jit_compile(&r, &p[0], &n[0], why, sizeof why), LIGERC_FILE);
}

static void another_binding(void **state)
{
    (void)state;
    Norm n;
    assert_int_equal(launch(NULL, compiler, &n), LGR_OK);
    same_results(&n);
    setenv("LGR_COMPILER", nowhere, 1);
    assert_int_equal(launch(NULL, "", &n), LGR_ERROR_COMPILER);
    setenv("LGR_COMPILER", compiler, 1);
    assert_int_equal(launch(NULL, "", &n), LGR_OK);
    same_results(&n);
    unsetenv("LGR_COMPILER");
}

static void no_compiler(void **state)
{
    (void)state;
    Norm n;
    assert_int_equal(launch(NULL, nowhere, &n), LGR_ERROR_COMPILER);
    expect_text(missing);
    assert_int_equal(launch(NULL, NULL, &n), LGR_ERROR_NO_INSTANCE);
    assert_int_equal(launch(NULL, "libm.so.6", &n), LGR_ERROR_COMPILER);
    expect_text("rms_norm.forward: compiler: a library that is not libligerc, or one of another pack format, "
                "wanted libligerc, to make T=bf16 W=bf16 affine=true casting=gemma for host [LGR_ERROR_COMPILER]");
}

/* What the spec has no choice for is the compiler's to refuse. */
static void refused(void **state)
{
    (void)state;
    Norm n;
    double x[JIT_M * JIT_N] = {1}, y[JIT_M * JIT_N];
    void *pack;
    lgr_context *ctx = norm_context(NULL, compiler);
    norm_call(&n, norm_pack(ctx, one, &pack), kDLCPU, kDLFloat, "gemma");
    n.t[0].data = x, n.t[2].data = y;
    n.t[0].dtype = n.t[2].dtype = (DLDataType){kDLFloat, 64, 1};
    assert_int_equal(lgr_launch(ctx, &n.call), LGR_ERROR_COMPILER);
    expect_text("rms_norm.forward: compiler: rms_norm.tile:3:6: no choice of T is called f64; there are f32, f16, bf16, wanted T=f64 W=f16 affine=true casting=gemma for host [LGR_ERROR_COMPILER]");
    lgr_context_destroy(ctx);
    jit_free(pack);
}

/* A pack whose casting is switched at run time gives what the kernels for each casting give, to the bit, without a compiler. */
static void open_option(void **state)
{
    (void)state;
    static const char *const open[] = {"T=bf16", "W=bf16", "casting=*", "affine=true", NULL}, *const all[] = {"llama", "gemma", "none"};
    Norm n, want;
    void *pack;
    lgr_context *ctx = norm_context(NULL, NULL);
    const lgr_kernel *k = norm_pack(ctx, open, &pack);
    uint16_t y[3][JIT_M * JIT_N];
    for (int i = 0; i < 3; i++) {
        norm_call(&n, k, kDLCPU, kDLBfloat, all[i]);
        assert_int_equal(lgr_launch(ctx, &n.call), LGR_OK);
        norm_expect(kDLBfloat, all[i], &want);
        assert_memory_equal(n.y, want.y, sizeof want.y);
        assert_memory_equal(n.rstd, want.rstd, sizeof want.rstd);
        memcpy(y[i], n.y, sizeof n.y);
    }
    assert_true(memcmp(y[0], y[1], sizeof y[0]) && memcmp(y[1], y[2], sizeof y[1]));
    lgr_context_destroy(ctx);
    jit_free(pack);
}

/* ---- the cache ---- */

static int entry(const char *dir, char *path)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            n++;
            sprintf(path, "%s/%.64s", dir, e->d_name);
        }
    if (d)
        closedir(d);
    return n;
}

static void cached(void **state)
{
    (void)state;
    char dir[] = "/tmp/lgr_jit_XXXXXX", path[256], pack[64], command[1024];
    struct stat st, again;
    Norm n;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(launch(dir, nowhere, &n), LGR_ERROR_COMPILER);
    assert_int_equal(entry(dir, path), 0);
    assert_int_equal(launch(dir, compiler, &n), LGR_OK);
    assert_int_equal(entry(dir, path), 1);
    sprintf(pack, "%s.lgk", dir);
    save_pack(pack);
    snprintf(command, sizeof command, "'%s' cached '%s' '%s'", self, dir, pack);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "'%s' cached '%s.none' '%s'", self, dir, pack);
    assert_int_equal(WEXITSTATUS(system(command)), 1);
    rmdir(strcat(strcpy(command, dir), ".none"));
    unlink(pack);
    assert_int_equal(stat(path, &st), 0);
    for (long at = 0; at < st.st_size; at += at < 96 ? 1 : 211) {     /* damage: a miss, with and without a compiler */
        FILE *f = fopen(path, "r+b");
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        int c = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(c ^ 16, f);
        fclose(f);
        if (launch(dir, nowhere, &n) != LGR_ERROR_COMPILER)
            fail_msg("byte %ld was not noticed", at);
        f = fopen(path, "r+b");
        fseek(f, at, SEEK_SET);
        fputc(c, f);
        fclose(f);
    }
    assert_int_equal(launch(dir, nowhere, &n), LGR_OK);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    assert_int_equal(launch(dir, nowhere, &n), LGR_ERROR_COMPILER);
    assert_int_equal(launch(dir, compiler, &n), LGR_OK);
    assert_int_equal(stat(path, &again), 0);
    assert_int_equal(again.st_size, st.st_size);
    assert_int_equal(launch(dir, nowhere, &n), LGR_OK);
    same_results(&n);
    unlink(path);
    rmdir(dir);
}

/* ---- a spec without a pack ---- */

static void spec(void **state)
{
    (void)state;
    const lgr_kernel *k;
    Norm n;
    lgr_context *ctx = norm_context(NULL, compiler);
    assert_int_equal(lgr_spec_open(ctx, "/nonexistent.tile"), LGR_ERROR_IO);
    assert_int_equal(lgr_spec_open(ctx, JIT_SPEC), LGR_OK);
    assert_int_equal(lgr_kernel_count(ctx), 2);
    assert_int_equal(lgr_kernel_find(ctx, "rms_norm", "forward", &k), LGR_OK);
    norm_call(&n, k, kDLCPU, kDLBfloat, "gemma");
    assert_int_equal(lgr_prepare(ctx, &n.call), LGR_OK);
    assert_int_equal(lgr_launch(ctx, &n.call), LGR_OK);
    same_results(&n);
    lgr_context_destroy(ctx);
    ctx = norm_context(NULL, NULL);
    assert_int_equal(lgr_spec_open(ctx, JIT_SPEC), LGR_ERROR_ARGUMENT);
    lgr_context_destroy(ctx);
}

/* ---- a GPU ---- */

static void gpu(void **state)
{
    (void)state;
    lgr_config config = LGR_CONFIG_INIT;
    lgr_context *ctx;
    lgr_choice choice = {.size = sizeof choice};
    Norm n;
    void *pack;
    config.driver = fake_driver();
    config.cache_dir = "";
    config.compiler = compiler;
    assert_int_equal(lgr_context_create(&config, &ctx), LGR_OK);
    norm_call(&n, norm_pack(ctx, one, &pack), kDLCUDA, kDLFloat, "llama");       /* the pack has the binding, for the host alone */
    fake.capturing = 1;
    assert_int_equal(lgr_launch(ctx, &n.call), LGR_ERROR_NOT_PREPARED);
    assert_true(fake.loads == 0 && fake.launches == 0 && fake.depth == 0);
    fake.capturing = 0;
    assert_int_equal(lgr_launch(ctx, &n.call), LGR_OK);
    assert_true(fake.assembled == 1 && fake.launches == 1);
    assert_int_equal(lgr_explain(ctx, &n.call, &choice), LGR_OK);
    assert_string_equal(choice.target, "sm_90a");
    assert_int_equal(lgr_launch(ctx, &n.call), LGR_OK);
    assert_true(fake.assembled == 1 && fake.launches == 2);
    norm_call(&n, n.call.kernel, kDLCPU, kDLFloat, "llama");                     /* the host's is still the pack's */
    assert_int_equal(lgr_explain(ctx, &n.call, &choice), LGR_OK);
    assert_string_equal(choice.target, "host");
    norm_call(&n, n.call.kernel, kDLCUDA, kDLFloat, "gemma");
    assert_int_equal(lgr_launch(ctx, &n.call), LGR_OK);
    assert_true(fake.assembled == 2 && fake.launches == 3);
    lgr_context_destroy(ctx);
    assert_true(fake.modules == 0 && fake.retained == 0);
    jit_free(pack);
}

/* ---- threads ---- */

typedef struct Job { lgr_context *ctx; const lgr_kernel *k; Norm n; lgr_status s; int casting; } Job;
static const char *const castings[] = {"llama", "gemma", "none"};

static void *job(void *arg)
{
    Job *j = arg;
    norm_call(&j->n, j->k, kDLCPU, kDLBfloat, castings[j->casting]);
    j->s = lgr_launch(j->ctx, &j->n.call);
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    static Job jobs[9];
    Norm want[3];
    pthread_t t[9];
    void *pack;
    lgr_context *ctx = norm_context(NULL, compiler);
    const lgr_kernel *k = norm_pack(ctx, one, &pack);
    for (int i = 0; i < 9; i++) {
        jobs[i].ctx = ctx, jobs[i].k = k, jobs[i].casting = i % 3;
        assert_int_equal(pthread_create(&t[i], NULL, job, &jobs[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        norm_expect(kDLBfloat, castings[i], &want[i]);            /* compiles beside them */
    for (int i = 0; i < 9; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(jobs[i].s, LGR_OK);
        assert_memory_equal(jobs[i].n.y, want[i % 3].y, sizeof want[0].y);
    }
    lgr_context_destroy(ctx);
    jit_free(pack);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_bytes), cmocka_unit_test(another_binding), cmocka_unit_test(no_compiler), cmocka_unit_test(refused), cmocka_unit_test(open_option),
                                       cmocka_unit_test(cached), cmocka_unit_test(spec), cmocka_unit_test(gpu), cmocka_unit_test(threads)};
    self = argv[0];
    if (argc == 4)
        return launch_cached(argv[2], argv[3]);
    compiler = argc > 1 ? argv[1] : "";
    jit_open(compiler);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
