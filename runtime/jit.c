/* jit.c: kernels that no open pack holds, made by the compiler's library (ligerc.h) from the spec that a pack carries, or taken from the cache.
 *
 * The cache's key is all that decides the code: the spec's text, kernel, binding, target, for the host the processor, and the pack format.  An entry says
 * which file the compiler was: one that another compiler made is a miss, and where there is no compiler any will do.
 */
#include "lgr_int.h"
#include "ligerc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_BINDINGS = LGK_MAX_TYPES + LGK_MAX_OPTIONS, MAX_SPEC = 1 << 20, CACHE_KIND = -1 };

typedef struct Maker { uint64_t size, mtime; } Maker;             /* the compiler's file; zeros: not found */

struct Compiler {
    void *lib;
    int (*compile)(const ligerc_request *, void **, size_t *, char *, size_t);
    void (*release)(void *);
};

/* ---- text that grows in the context's memory ---- */

typedef struct Text { lgr_context *ctx; char *p; size_t n, cap; bool failed; } Text;

static void put(Text *t, const void *p, size_t n)
{
    if (!t->failed && t->n + n + 1 > t->cap) {
        size_t cap = (t->n + n + 1) * 2;
        char *more = lgr__alloc(t->ctx, cap);
        if (more && t->p)
            memcpy(more, t->p, t->n);
        lgr__release(t->ctx, t->p);
        t->p = more;
        t->cap = cap;
        t->failed = !more;
    }
    if (!t->failed) {
        memcpy(t->p + t->n, p, n);
        t->n += n;
        t->p[t->n] = 0;
    }
}

static void puts_to(Text *t, const char *s) { put(t, s, strlen(s)); }

/* ---- the compiler ---- */

/* The file that would be opened, or a bare soname. False when the text is too long. */
static bool compiler_path(const lgr_context *ctx, char *path, size_t room)
{
    static const char soname[] = "libligerc.so.0";
    const char *said = ctx->config.compiler, *env = secure_getenv("LGR_COMPILER");
    Dl_info here;
    struct stat st;
    if (!*said && env && *env)
        said = env;
    if (*said)
        return (size_t)snprintf(path, room, "%s", said) < room;
    if (dladdr((void *)lgr_context_create, &here) && here.dli_fname && strrchr(here.dli_fname, '/')) {
        int dir = (int)(strrchr(here.dli_fname, '/') - here.dli_fname);
        if ((size_t)snprintf(path, room, "%.*s/%s", dir, here.dli_fname, soname) < room && !stat(path, &st))
            return true;
    }
    return (size_t)snprintf(path, room, "%s", soname) < room;
}

static Maker maker(const lgr_context *ctx)
{
    char path[4096];
    struct stat st;
    if (!compiler_path(ctx, path, sizeof path) || stat(path, &st))
        return (Maker){0, 0};
    return (Maker){(uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec};
}

static lgr_status no_compiler(const char *why, const char *what) { return lgr__fail(LGR_ERROR_COMPILER, NULL, "compiler", why, "libligerc, to make %s", what); }

static lgr_status open_compiler(lgr_context *ctx, const char *what)
{
    char path[4096], why[160];
    if (ctx->compiler)
        return LGR_OK;
    struct Compiler *c = lgr__alloc(ctx, sizeof *c);
    if (!c)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    if (compiler_path(ctx, path, sizeof path))
        c->lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    uint32_t (*format)(void) = NULL;
    if (c->lib) {
        *(void **)&c->compile = dlsym(c->lib, "ligerc_compile");
        *(void **)&c->release = dlsym(c->lib, "ligerc_free");
        *(void **)&format = dlsym(c->lib, "ligerc_format");
    }
    if (c->compile && c->release && format && format() == LGK_VERSION) {
        ctx->compiler = c;
        return LGR_OK;
    }
    const char *text = c->lib ? NULL : dlerror();
    snprintf(why, sizeof why, "%s", text ? text : "a library that is not libligerc, or one of another pack format");
    if (c->lib)
        dlclose(c->lib);
    lgr__release(ctx, c);
    return no_compiler(why, what);
}

/* LLVM's handlers stay installed: the library is never unloaded. */
void lgr__jit_close(lgr_context *ctx) { lgr__release(ctx, ctx->compiler); }

/* ---- what is wanted ---- */

typedef struct Want {
    char name[256];                              /* of the spec, for diagnostics */
    const char *source, *kernel;                 /* kernel and target NULL: what the op's kernels are, without code */
    char target[16];
    const char *binding[MAX_BINDINGS]; uint32_t n;
    Text bindings, what, key;                    /* NUL-separated; for people; for the cache */
    bool may_cache;
} Want;

static void want_free(Want *w)
{
    lgr__release(w->key.ctx, w->bindings.p);
    lgr__release(w->key.ctx, w->what.p);
    lgr__release(w->key.ctx, w->key.p);
}

/* What of /proc/cpuinfo tells one model of processor from another; nothing where that cannot be read. */
static void put_processor(Text *t)
{
    static const char *const lines[] = {"vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU "};
    char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f) && line[0] != '\n')
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
            if (!strncmp(line, lines[i], strlen(lines[i])))
                puts_to(t, line);
    if (f)
        fclose(f);
}

static void put_binding(Want *w, const char *name, const char *value)
{
    if (w->n++)
        puts_to(&w->what, " ");
    puts_to(&w->bindings, name);
    puts_to(&w->bindings, "=");
    puts_to(&w->bindings, value);
    put(&w->bindings, "", 1);
    puts_to(&w->what, name);
    puts_to(&w->what, "=");
    puts_to(&w->what, value);
}

static bool want_finish(Want *w)
{
    char head[160];
    const char *b = w->bindings.p;
    for (uint32_t i = 0; !w->bindings.failed && i < w->n; i++, b += strlen(b) + 1)
        w->binding[i] = b;
    snprintf(head, sizeof head, "liger pack %d target %s kernel %.48s\n", (int)LGK_VERSION, w->target, w->kernel ? w->kernel : "");
    puts_to(&w->key, head);
    puts_to(&w->key, w->what.p ? w->what.p : "");
    puts_to(&w->key, "\n");
    size_t before = w->key.n;
    if (!strcmp(w->target, "host"))
        put_processor(&w->key);
    w->may_cache = w->key.n > before || strcmp(w->target, "host");
    puts_to(&w->key, "\n");
    puts_to(&w->key, w->source);
    if (w->target[0]) {
        puts_to(&w->what, w->n ? " for " : "");
        puts_to(&w->what, w->target);
    }
    return !(w->bindings.failed || w->what.failed || w->key.failed);
}

/* ---- making it ---- */

/* The bytes are the context's. Entries are the maker, padding, then the pack. */
enum { ENTRY_HEAD = 32 };

static bool from_cache(lgr_context *ctx, const Want *w, void **bytes, size_t *size)
{
    Maker m = maker(ctx), by;
    if (!w->may_cache || !lgr__cache_get(ctx, w->key.p, w->key.n, CACHE_KIND, bytes, size))
        return false;
    if (*size > ENTRY_HEAD)
        memcpy(&by, *bytes, sizeof by);
    if (*size > ENTRY_HEAD && (!m.size || !memcmp(&m, &by, sizeof m)))
        return true;
    lgr__release(ctx, *bytes);
    return false;
}

static void into_cache(lgr_context *ctx, const Want *w, const void *bytes, size_t size)
{
    if (w->may_cache)
        lgr__cache_put(ctx, w->key.p, w->key.n, CACHE_KIND, bytes, size);
}

static lgr_status compile(lgr_context *ctx, const Want *w, void **bytes, size_t *size)
{
    char first[160] = "";
    void *pack = NULL;
    size_t n = 0;
    lgr_status s = open_compiler(ctx, w->what.p);
    if (s != LGR_OK)
        return s;
    ligerc_request r = {.size = sizeof r, .name = w->name, .text = w->source, .length = strlen(w->source), .kernel = w->kernel, .bindings = w->binding,
                        .nbindings = w->n, .target = w->target[0] ? w->target : NULL};
    if (ctx->compiler->compile(&r, &pack, &n, first, sizeof first))
        return lgr__fail(LGR_ERROR_COMPILER, NULL, "compiler", first, "%s", w->what.p);
    Maker m = maker(ctx);
    char *mine = lgr__alloc(ctx, n + ENTRY_HEAD);
    if (mine) {
        memcpy(mine, &m, sizeof m);
        memcpy(mine + ENTRY_HEAD, pack, n);
    }
    ctx->compiler->release(pack);
    *bytes = mine;
    *size = n + ENTRY_HEAD;
    return mine ? LGR_OK : lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
}

/* Is it one instance of the very kernel? */
static bool same_kernel(const lgr_kernel *k, const Pack *p)
{
    const LgkKernel *a = k->k, *b = p->t_KERNELS;
    return p->head->table[LGK_T_KERNELS].count == 1 && b->instances.count == 1 && !strcmp(lgr__str(k->pack, a->op), lgr__str(p, b->op)) &&
           !strcmp(lgr__str(k->pack, a->name), lgr__str(p, b->name)) && a->dims.count == b->dims.count && a->types.count == b->types.count &&
           a->options.count == b->options.count && a->tensors.count == b->tensors.count && a->scratch == b->scratch && a->scalars.count == b->scalars.count;
}

static lgr_status take(Jit *j, const lgr_kernel *k, void *bytes, size_t size)
{
    lgr_status s = lgr__pack_check(&j->pack, (char *)bytes + ENTRY_HEAD, size - ENTRY_HEAD);
    if (s != LGR_OK || !same_kernel(k, &j->pack))
        return s != LGR_OK ? s : lgr__fail(LGR_ERROR_PACK, k, "", "another kernel than was asked for", "%s", "");
    j->pack.owned = bytes;
    j->of = k->k;
    j->kernel.pack = &j->pack;
    j->kernel.k = j->pack.t_KERNELS;
    j->next = atomic_load(&k->pack->jits);
    atomic_store(&k->pack->jits, j);
    return LGR_OK;
}

static lgr_status make(lgr_context *ctx, const lgr_kernel *k, const Want *w)
{
    void *bytes;
    size_t size;
    Jit *j = lgr__alloc(ctx, sizeof *j);
    if (!j)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    if (from_cache(ctx, w, &bytes, &size)) {
        if (take(j, k, bytes, size) == LGR_OK)
            return LGR_OK;
        lgr__release(ctx, bytes);
    }
    lgr_status s = compile(ctx, w, &bytes, &size);
    if (s == LGR_OK && (s = take(j, k, bytes, size)))
        lgr__release(ctx, bytes);
    else if (s == LGR_OK)
        into_cache(ctx, w, bytes, size);
    if (s != LGR_OK)
        lgr__release(ctx, j);
    return s;
}

/* ---- a call's lack ---- */

static lgr_status not_capturing(lgr_context *ctx, const lgr_call *call, int device)
{
    bool pushed, capturing = false;
    lgr_status s = device == LGR_HOST_DEVICE || ctx->cuda ? LGR_OK : lgr__cuda_open(ctx);
    if (s != LGR_OK || device == LGR_HOST_DEVICE || (s = lgr__cuda_enter(ctx, device, &pushed)))
        return s;
    s = lgr__cuda_capturing(ctx, call->stream, &capturing);
    lgr__cuda_leave(ctx, pushed);
    return s != LGR_OK || !capturing ? s : lgr__fail(LGR_ERROR_NOT_PREPARED, call->kernel, "stream", "being captured", "%s", "lgr_prepare() of this call before the capture");
}

static void want_of(lgr_context *ctx, const lgr_kernel *k, const Key *key, int device, Want *w)
{
    const Pack *p = k->pack;
    *w = (Want){.source = lgr__str(p, k->k->source), .kernel = lgr__str(p, k->k->name), .bindings.ctx = ctx, .what.ctx = ctx, .key.ctx = ctx};
    snprintf(w->name, sizeof w->name, "%s.tile", lgr__str(p, k->k->op));
    for (uint32_t i = 0; i < k->k->types.count; i++)
        if (key->dtype[i])
            put_binding(w, lgr__str(p, p->t_TYPES[k->k->types.first + i].name), lgr__dtype_name(key->dtype[i]));
    for (uint32_t i = 0; i < k->k->options.count; i++) {
        const LgkOption *o = &p->t_OPTIONS[k->k->options.first + i];
        put_binding(w, lgr__str(p, o->name), lgr__str(p, p->t_CHOICES[o->choices.first + key->option[i]].name));
    }
    if (device == LGR_HOST_DEVICE)
        strcpy(w->target, "host");
    else
        snprintf(w->target, sizeof w->target, "sm_%d", lgr__cuda_sm(ctx, device));
}

/* Another thread may have made it meanwhile. */
static bool served(lgr_context *ctx, const lgr_call *call)
{
    Bound b;
    return lgr__bind(ctx, call, &b) == LGR_OK && lgr__choose(ctx, call, &b) == LGR_OK;
}

lgr_status lgr__jit(lgr_context *ctx, const lgr_call *call, lgr_status why)
{
    const lgr_kernel *k = call->kernel;
    Key key;
    int device;
    Want w;
    if (!*lgr__str(k->pack, k->k->source) || ctx->backend)
        return why;
    lgr_status s = lgr__bind_key(k, call, &key, &device);
    if (s != LGR_OK || (s = not_capturing(ctx, call, device)))
        return s;
    pthread_mutex_lock(&ctx->jit_lock);
    if (!served(ctx, call)) {
        want_of(ctx, k, &key, device, &w);
        s = want_finish(&w) ? make(ctx, k, &w) : lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
        want_free(&w);
    }
    pthread_mutex_unlock(&ctx->jit_lock);
    return s;
}

/* ---- a spec instead of a pack ---- */

static lgr_status read_spec(lgr_context *ctx, const char *path, Text *t)
{
    char piece[4096];
    FILE *f = fopen(path, "re");
    errno = f ? 0 : errno;
    for (size_t n; f && t->n <= MAX_SPEC && (n = fread(piece, 1, sizeof piece, f)) > 0;)
        put(t, piece, n);
    bool ok = f && !ferror(f) && !t->failed && t->p && t->n <= MAX_SPEC && !memchr(t->p, 0, t->n);
    if (f)
        fclose(f);
    (void)ctx;
    return ok ? LGR_OK : lgr__fail(LGR_ERROR_IO, NULL, path, errno ? strerror(errno) : "empty, or no text", "%s", "a readable spec of at most 1 MiB");
}

static lgr_status add_spec(lgr_context *ctx, void *bytes, size_t size)
{
    pthread_mutex_lock(&ctx->lock);
    lgr_status s = lgr__pack_add(ctx, (char *)bytes + ENTRY_HEAD, size - ENTRY_HEAD, false, bytes);
    pthread_mutex_unlock(&ctx->lock);
    return s;
}

static lgr_status open_spec(lgr_context *ctx, const Want *w)
{
    void *bytes;
    size_t size;
    if (from_cache(ctx, w, &bytes, &size)) {
        if (add_spec(ctx, bytes, size) == LGR_OK)
            return LGR_OK;
        lgr__release(ctx, bytes);
    }
    lgr_status s = compile(ctx, w, &bytes, &size);
    if (s != LGR_OK)
        return s;
    s = add_spec(ctx, bytes, size);
    if (s == LGR_OK)
        into_cache(ctx, w, bytes, size);
    else
        lgr__release(ctx, bytes);
    return s;
}

lgr_status lgr_spec_open(lgr_context *ctx, const char *path)
{
    if (!ctx || !path || !ctx->config.compiler)
        return lgr__fail(LGR_ERROR_ARGUMENT, NULL, "path", "null, or a context that may not compile", "%s", "a context made with a compiler, and a path");
    Text source = {.ctx = ctx};
    lgr_status s = read_spec(ctx, path, &source);
    Want w = {.source = source.p, .bindings.ctx = ctx, .what.ctx = ctx, .key.ctx = ctx};
    if (s == LGR_OK) {
        bool ok = want_finish(&w);
        snprintf(w.name, sizeof w.name, "%s", path);
        puts_to(&w.what, path);
        if (!ok || w.what.failed)
            s = lgr__fail(LGR_ERROR_MEMORY, NULL, NULL, "memory ran out", "%s", "");
    }
    if (s == LGR_OK) {
        pthread_mutex_lock(&ctx->jit_lock);
        s = open_spec(ctx, &w);
        pthread_mutex_unlock(&ctx->jit_lock);
    }
    want_free(&w);
    lgr__release(ctx, source.p);
    return s;
}
