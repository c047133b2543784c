/* prove.c: proofs that need no compiler: a pack, shapes, and what is to be shown, nearly all of it on a GPU.
 *
 * usage: lgr_prove MODE PACK [--with PACK] [--compiler LIBLIGERC] [--count N] [--bare] [--defaults] [--pool MIB] SHAPE ...
 *
 * A SHAPE is NAME=VALUE,..: sizes for the dims of every kernel of PACK, or of kernel=NAME alone; types and options to hold to (others take every
 * value that the pack serves); scalars (integers as i5); below=N for integer inputs; inputs=nltzi, of which each trial takes the next (normal,
 * large, tiny, some NaN, some Inf); layout=NAME (dense, offset, pitch, strided, in_place; otherwise each trial takes the next).
 * One line a kernel; a line on stderr for each trial that failed; exit 1 then.
 */
#include "prove.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ProveMode modes[] = {
    {"right", prove_right, false, "outputs are the host target's, and nothing else is written"},
    {"repeat", prove_repeat, false, "1,000 launches give the same bits"},
    {"graph", prove_graph, false, "captured and replayed 10,000 times: the same bits, no memory; unprepared: an error, and the capture stays valid"},
    {"launch", prove_launch, false, "host time of a launch over bare ones"},
    {"first", prove_first, false, "first call from a pack in this process"},
    {"huge", prove_huge, false, "more than 2^31 elements: every row is what the host makes of the same row"},
    {"refuse", prove_refuse, true, "calls with one thing wrong are refused by name; needs no GPU"},
};

/* ---- comparing on the device ---- */

static const char diff_ptx[] =
    ".version 7.0\n.target sm_80\n.address_size 64\n"
    ".visible .entry diff(.param .align 8 .b8 p[80])\n{\n"
    " .reg .b32 %r<8>; .reg .b64 %d<16>; .reg .pred %q<3>;\n"
    " ld.param.u64 %d0, [p]; ld.param.u64 %d1, [p+8]; ld.param.u64 %d2, [p+16]; ld.param.u64 %d3, [p+24]; ld.param.u64 %d4, [p+32];\n"
    " cvta.to.global.u64 %d0, %d0; cvta.to.global.u64 %d1, %d1; cvta.to.global.u64 %d4, %d4;\n"
    " mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x; mov.u32 %r3, %nctaid.x;\n"
    " mul.wide.u32 %d5, %r0, %r1; cvt.u64.u32 %d6, %r2; add.u64 %d5, %d5, %d6; mul.wide.u32 %d7, %r3, %r1;\n"
    "again:\n setp.ge.u64 %q0, %d5, %d2; @%q0 bra done;\n"
    " rem.u64 %d8, %d5, %d3; shl.b64 %d9, %d5, 2; shl.b64 %d10, %d8, 2; add.u64 %d9, %d9, %d0; add.u64 %d10, %d10, %d1;\n"
    " ld.global.u32 %r4, [%d9]; ld.global.u32 %r5, [%d10]; setp.ne.u32 %q1, %r4, %r5; @%q1 red.global.add.u32 [%d4], 1;\n"
    " add.u64 %d5, %d5, %d7; bra again;\ndone:\n ret;\n}\n";

void prove_diff(Proof *p, uint64_t a, uint64_t b, size_t bytes, size_t period)
{
    uint64_t words[10] = {a, b, bytes / 4, period / 4, p->flag};
    size_t blocks = (bytes / 4 + 255) / 256;
    p->diff.grid = (unsigned)(blocks < 1 ? 1 : blocks > 2048 ? 2048 : blocks);
    p->diff.block = 256;
    if (bytes >= 4)
        gpu_launch(p->m.gpu, p->diff, words, p->m.stream);
}

uint32_t prove_differences(Proof *p)
{
    uint32_t n;
    gpu_sync(p->m.gpu, p->m.stream);
    gpu_download(p->m.gpu, &n, p->flag, 4);
    gpu_fill(p->m.gpu, p->flag, 0, 4);
    return n;
}

/* ---- the trials ---- */

/* A name that a binding may vary, and its values. */
typedef struct Free { const char *name, *value[16]; uint32_t n, at; } Free;
typedef struct Frees { Free f[MEASURE_MAX_NAMES]; uint32_t n; } Frees;

static void add_type(const Case *c, Frees *v, const char *type)
{
    static const char *const dtypes[] = {"f32", "f16", "bf16"};
    bool known = !isupper((unsigned char)*type) || measure_value(c, type);
    for (uint32_t i = 0; i < v->n; i++)
        known |= !strcmp(v->f[i].name, type);
    if (known)
        return;
    v->f[v->n] = (Free){.name = type, .n = 3};
    memcpy(v->f[v->n++].value, dtypes, sizeof dtypes);
}

static void add_option(const Proof *p, const Case *c, Frees *v, uint32_t i)
{
    uint32_t choices, def;
    const char *name = lgr_kernel_option(c->k, i, &choices, &def);
    if (measure_value(c, name) || p->defaults)
        return;
    Free *f = &v->f[v->n++];
    *f = (Free){.name = name, .n = choices < 16 ? choices : 16};
    for (uint32_t j = 0; j < f->n; j++)
        f->value[j] = lgr_kernel_option_choice(c->k, i, j);
}

static Frees frees_of(const Proof *p, const Case *c)
{
    Frees v = {.n = 0};
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++)
        add_type(c, &v, lgr_kernel_tensor(c->k, i).type);
    for (uint32_t i = 0; i < lgr_kernel_options(c->k); i++)
        add_option(p, c, &v, i);
    return v;
}

static bool next_binding(Frees *v)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (++v->f[i].at < v->f[i].n)
            return true;
        v->f[i].at = 0;
    }
    return false;
}

static bool parse_shape(const char *text, Case *c)
{
    for (const char *s = text; *s; c->n++) {
        int used = 0;
        if (c->n == MEASURE_MAX_NAMES || sscanf(s, "%31[^=,]=%31[^,]%n", c->name[c->n], c->value[c->n], &used) != 2)
            return false;
        s += used + (s[used] == ',');
    }
    return true;
}

static void bind_names(const Case *shape, const Frees *v, Case *c)
{
    *c = *shape;
    char text[sizeof c->text];
    int at = snprintf(text, sizeof text, "%s.%s:", c->op, c->kernel);
    for (uint32_t i = 0; i < v->n && c->n < MEASURE_MAX_NAMES; i++, c->n++) {
        snprintf(c->name[c->n], sizeof c->name[0], "%s", v->f[i].name);
        snprintf(c->value[c->n], sizeof c->value[0], "%s", v->f[i].value[v->f[i].at]);
    }
    for (int i = 0; i < c->n && at < (int)sizeof text; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%s=%s", i ? "," : "", c->name[i], c->value[i]);
    memcpy(c->text, text, sizeof text);
}

static TrialLayout layout_of(const Case *c, uint64_t i)
{
    const char *want = measure_value(c, "layout");
    for (int l = 0; want && l < TRIAL_LAYOUT_COUNT; l++)
        if (!strcmp(want, trial_layout_name((TrialLayout)l)))
            return (TrialLayout)l;
    return (TrialLayout)((i + i / 5) % TRIAL_LAYOUT_COUNT);
}

/* What no instance of the pack is for is passed over, and so are options that contradict one another. */
static bool unserved(lgr_status s) { return s == LGR_ERROR_NO_INSTANCE || s == LGR_ERROR_NO_TARGET || s == LGR_ERROR_OPTION; }

static void try_one(Proof *p, const ProveMode *mode, const Case *c, bool first_shape)
{
    static Trial t;
    const char *inputs = measure_value(c, "inputs");
    uint64_t i = p->trials;
    t = (Trial){.m = &p->m, .c = c, .layout = layout_of(c, i), .input = inputs ? inputs[(i / 2 + i / 7) % strlen(inputs)] : 'n', .seed = i, .bare = p->bare};
    lgr_status s = trial_bind(&t);
    if (unserved(s))
        return;
    p->bindings += first_shape;
    p->trials++;
    if (s != LGR_OK)
        lgr_last_error_text(t.what, sizeof t.what);
    if (s == LGR_OK && mode->one(p, &t) && !t.what[0]) {
        p->worst = t.worst > p->worst ? t.worst : p->worst;
        return;
    }
    p->failed++;
    fprintf(stderr, "FAILED %s %s, %s, %c: %s\n", mode->name, c->text, trial_layout_name(t.layout), t.input, t.what);
}

static void prove_kernel(Proof *p, const ProveMode *mode, const lgr_kernel *k)
{
    int shapes = 0;
    double t0 = measure_now_us();
    p->trials = p->failed = p->bindings = 0;
    p->worst = 0;
    p->note[0] = 0;
    for (int i = 0; i < p->nshapes; i++) {
        Case shape = {.k = k}, c;
        snprintf(shape.op, sizeof shape.op, "%s", lgr_kernel_op(k));
        snprintf(shape.kernel, sizeof shape.kernel, "%s", lgr_kernel_name(k));
        if (!parse_shape(p->shape[i], &shape)) {
            fprintf(stderr, "%s: wanted NAME=VALUE,..\n", p->shape[i]);
            exit(2);
        }
        const char *only = measure_value(&shape, "kernel");
        if (only && strcmp(only, shape.kernel))
            continue;
        Frees v = frees_of(p, &shape);
        do {
            bind_names(&shape, &v, &c);
            try_one(p, mode, &c, !shapes);
        } while (next_binding(&v));
        shapes++;
    }
    if (p->worst > 0)
        snprintf(p->note, sizeof p->note, "the worst element takes %.2f of what the rule allows", p->worst);
    if (p->trials)
        printf("%-8s %s.%s: %llu bindings, %d shapes, %llu trials, %llu failed%s%s, %.1f s\n", mode->name, lgr_kernel_op(k), lgr_kernel_name(k),
               (unsigned long long)p->bindings, shapes, (unsigned long long)p->trials, (unsigned long long)p->failed, p->note[0] ? "; " : "", p->note, (measure_now_us() - t0) * 1e-6);
    else
        printf("%-8s %s.%s: no trial\n", mode->name, lgr_kernel_op(k), lgr_kernel_name(k));
    fflush(stdout);
}

/* ---- the program ---- */

lgr_context *prove_context(Proof *p)
{
    lgr_config config = LGR_CONFIG_INIT;
    lgr_context *ctx;
    config.compiler = p->compiler;
    if (lgr_context_create(&config, &ctx) != LGR_OK)
        measure_die("context");
    for (int i = 0; i < p->npacks; i++)
        if ((strstr(p->pack[i], ".tile") ? lgr_spec_open(ctx, p->pack[i]) : lgr_pack_open(ctx, p->pack[i])) != LGR_OK)
            measure_die(p->pack[i]);
    return ctx;
}

static int usage(void)
{
    fprintf(stderr, "usage: lgr_prove MODE PACK|SPEC [--with PACK] [--compiler LIBLIGERC] [--count N] [--bare] [--defaults] [--pool MIB] NAME=VALUE,.. ...\nmodes:\n");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        fprintf(stderr, "  %-8s%s\n", modes[i].name, modes[i].doc);
    return 2;
}

static bool take_argument(Proof *p, int argc, char **argv, int *i, size_t *pool)
{
    const char *a = argv[*i], *v = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (!strcmp(a, "--bare"))
        return p->bare = true;
    if (!strcmp(a, "--defaults"))
        return p->defaults = true;
    if (*a != '-')
        return p->nshapes < PROVE_MAX_SHAPES && (p->shape[p->nshapes++] = a);
    if (!v)
        return false;
    ++*i;
    if (!strcmp(a, "--with"))
        return p->npacks < PROVE_MAX_PACKS && (p->pack[p->npacks++] = v);
    if (!strcmp(a, "--compiler"))
        return (p->compiler = v);
    if (!strcmp(a, "--count"))
        return (p->count = atoi(v)) > 0;
    if (!strcmp(a, "--pool"))
        return (*pool = (size_t)atoll(v) << 20) > 0;
    return false;
}

static void open_gpu(Proof *p, size_t pool)
{
    const char *why;
    p->m.gpu = gpu_open(&why);
    if (!p->m.gpu) {
        fprintf(stderr, "lgr_prove: no GPU: %s\n", why);
        exit(6);
    }
    gpu_pool(p->m.gpu, pool);
    p->m.stream = gpu_stream(p->m.gpu);
    p->diff = gpu_load(p->m.gpu, diff_ptx, "diff");
    p->flag = gpu_alloc_apart(p->m.gpu, 4);
    p->scratch = gpu_alloc_apart(p->m.gpu, 4096);
    gpu_fill(p->m.gpu, p->flag, 0, 4);
}

int main(int argc, char **argv)
{
    static Proof p;
    const ProveMode *mode = NULL;
    uint64_t failed = 0, trials = 0;
    size_t pool = (size_t)1 << 30;
    for (size_t i = 0; argc > 2 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(argv[1], modes[i].name))
            mode = &modes[i];
    if (!mode)
        return usage();
    p.pack[p.npacks++] = argv[2];
    for (int i = 3; i < argc; i++)
        if (!take_argument(&p, argc, argv, &i, &pool))
            return usage();
    if (!mode->host)
        open_gpu(&p, pool);
    p.m.ctx = prove_context(&p);
    for (uint32_t i = 0; i < lgr_kernel_count(p.m.ctx); i++) {
        prove_kernel(&p, mode, lgr_kernel_at(p.m.ctx, i));
        failed += p.failed;
        trials += p.trials;
    }
    lgr_context_destroy(p.m.ctx);
    return failed || !trials;
}
