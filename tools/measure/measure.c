/* measure.c: see measure.h. */
#include "measure.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double measure_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

void measure_plain_signals(void)
{
    static const int all[] = {SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGABRT, SIGTERM};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        signal(all[i], SIG_DFL);
}

static int cmp(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

double measure_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, cmp);
    return v[n / 2];
}

void measure_die(const char *what)
{
    char text[512];
    lgr_last_error_text(text, sizeof text);
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

/* ---- cases ---- */

const char *measure_value(const Case *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->name[i], name))
            return c->value[i];
    return NULL;
}

int64_t measure_dim(const Case *c, const char *name)
{
    const char *v = measure_value(c, name);
    return v ? atoll(v) : -1;
}

static bool parse_text(const char *text, Case *c)
{
    int at = 0;
    if (strlen(text) >= sizeof c->text || sscanf(text, "%47[^.].%47[^:]:%n", c->op, c->kernel, &at) != 2 || !at)
        return false;
    strcpy(c->text, text);
    for (const char *p = text + at; *p; c->n++) {
        int used = 0;
        if (c->n == MEASURE_MAX_NAMES || sscanf(p, "%31[^=,]=%31[^,]%n", c->name[c->n], c->value[c->n], &used) != 2)
            return false;
        p += used + (p[used] == ',');
    }
    return true;
}

bool measure_parse(Measure *m, const char *text, Case *c)
{
    *c = (Case){.n = 0};
    if (!parse_text(text, c)) {
        fprintf(stderr, "%s: wanted op.kernel:NAME=VALUE,..\n", text);
        return false;
    }
    if (lgr_kernel_find(m->ctx, c->op, c->kernel, &c->k) != LGR_OK) {
        fprintf(stderr, "%s: no open pack has this kernel\n", text);
        return false;
    }
    return true;
}

/* An extent's text, "M", "2*F", "D/2", "(M+1)/2", at the case's sizes: sums of products, over a number. A size that the case does not name is 0
 * beside another, as P in "D+P", and missing alone. */
int64_t measure_extent(const Case *c, const char *text)
{
    int64_t sum = 0, sign = 1, den = 1;
    const char *p = text + (*text == '(');
    while (*p && *p != ')' && *p != '/') {
        int64_t term = 1;
        for (;;) {
            char name[32];
            int used = 0;
            if (*p >= '0' && *p <= '9') {
                term *= strtoll(p, (char **)&p, 10);
            } else if (sscanf(p, "%31[A-Za-z0-9_]%n", name, &used) == 1) {
                int64_t d = measure_dim(c, name);
                if (d < 0 && !strchr(text, '+')) {
                    fprintf(stderr, "%s: no size for %s\n", c->text, name);
                    exit(2);
                }
                term *= d < 0 ? 0 : d;
                p += used;
            }
            if (*p != '*')
                break;
            p++;
        }
        sum += sign * term;
        while (*p == ' ')
            p++;
        sign = *p == '-' ? -1 : 1;
        while (*p == '+' || *p == '-' || *p == ' ')
            p++;
    }
    p += *p == ')';
    if (*p == '/')
        den = atoll(p + 1);
    return sum / den;
}

static int64_t smallest_dim(const Case *c)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < c->n; i++) {
        int64_t v = atoll(c->value[i]);
        if (c->name[i][0] >= 'A' && c->name[i][0] <= 'Z' && v > 1 && v < least)
            least = v;
    }
    return least;
}

int64_t measure_below(const Case *c)
{
    int64_t below = measure_dim(c, "below");
    return below > 0 ? below : smallest_dim(c);
}

/* Of the largest tensor. */
static double elements(const Case *c)
{
    double most = 0;
    char text[64];
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++) {
        double n = 1;
        for (int d = 0; d < lgr_kernel_tensor(c->k, i).rank; d++) {
            lgr_kernel_extent(c->k, i, (uint32_t)d, text, sizeof text);
            n *= (double)measure_extent(c, text);
        }
        most = n > most ? n : most;
    }
    return most;
}

/* Does it stand in the last extent of a tensor of several? */
static bool is_row_dim(const Case *c, const char *name)
{
    char text[64];
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++) {
        int rank = lgr_kernel_tensor(c->k, i).rank;
        if (rank < 2)
            continue;
        lgr_kernel_extent(c->k, i, (uint32_t)rank - 1, text, sizeof text);
        if (strstr(text, name))
            return true;
    }
    return false;
}

Case measure_small(const Case *c)
{
    Case s = *c;
    if (!measure_value(&s, "below") && s.n < MEASURE_MAX_NAMES) {     /* the same range of integers */
        strcpy(s.name[s.n], "below");
        snprintf(s.value[s.n++], sizeof s.value[0], "%lld", (long long)smallest_dim(c));
    }
    for (int i = 0; i < s.n && elements(&s) > 24e6; i++) {      /* outer dims are named first */
        int64_t v = atoll(s.value[i]);
        if (s.name[i][0] < 'A' || s.name[i][0] > 'Z' || v <= 1 || is_row_dim(c, s.name[i]))
            continue;
        int64_t to = (int64_t)((double)v * 24e6 / elements(&s));
        snprintf(s.value[i], sizeof s.value[i], "%lld", (long long)(to < 1 ? 1 : to));
    }
    return s;
}

/* ---- tensors ---- */

static DLDataType dtype_named(const char *t)
{
    static const struct { const char *name; DLDataType t; } all[] = {
        {"bf16", {kDLBfloat, 16, 1}}, {"f16", {kDLFloat, 16, 1}}, {"f32", {kDLFloat, 32, 1}}, {"f64", {kDLFloat, 64, 1}}, {"i64", {kDLInt, 64, 1}},
        {"i32", {kDLInt, 32, 1}}, {"i8", {kDLInt, 8, 1}}, {"u8", {kDLUInt, 8, 1}}, {"bool", {kDLBool, 8, 1}}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, t))
            return all[i].t;
    return (DLDataType){kDLBfloat, 16, 1};
}

DLDataType measure_dtype(const Case *c, const char *type)
{
    const char *bound = measure_value(c, type);
    return dtype_named(bound ? bound : type);
}

static void *take(Measure *m, bool device, size_t n)
{
    n = (n + 255) / 256 * 256;
    return device ? (void *)(uintptr_t)gpu_alloc(m->gpu, n ? n : 256) : aligned_alloc(256, n ? n : 256);
}

static void drop(Measure *m, bool device, void *p)
{
    if (device && p)
        gpu_free(m->gpu, (uint64_t)(uintptr_t)p);
    else
        free(p);
}

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

static uint16_t half_of(float v)
{
    uint32_t u;
    memcpy(&u, &v, 4);
    uint32_t e = u >> 23 & 255;
    return (uint16_t)((u >> 16 & 0x8000) | (e < 113 ? 0 : (e - 112) << 10 | (u >> 13 & 1023)));
}

enum { FILLING_BYTES = 8 << 20 };

/* Roughly normal values of the dtype, the same for device and host. Per-row statistics (f32 vectors) lie near 1. */
static void fill_block(void *p, size_t bytes, DLDataType t, bool near_one, int64_t below, uint64_t seed)
{
    uint64_t s = 88172645463325252u + seed * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < bytes * 8 / t.bits; i++) {
        if (t.code == kDLInt || t.code == kDLUInt || t.code == kDLBool) {
            int64_t v = (int64_t)(next(&s) >> 33) % (t.bits == 8 ? 2 : below);
            memcpy((char *)p + i * t.bits / 8, &v, t.bits / 8);
            continue;
        }
        float v = 0;
        for (int k = 0; k < 4; k++)
            v += (float)(next(&s) >> 40) / 16777216.0f - 0.5f;
        v = near_one ? 1.0f + 0.05f * v : v * 1.7f;
        uint32_t u;
        memcpy(&u, &v, 4);
        if (t.bits == 32)
            memcpy((char *)p + i * 4, &u, 4);
        else
            ((uint16_t *)p)[i] = t.code == kDLBfloat ? (uint16_t)(u >> 16) : half_of(v);
    }
}

/* What tensor `seed` begins with, and repeats: made once for all sets. */
static const void *filling(Measure *m, size_t bytes, DLDataType t, bool near_one, int64_t below, uint64_t seed)
{
    MeasureFilling *f = &m->filling[seed], want = {f->p, bytes, t, near_one, below};
    if (f->p && f->bytes == bytes && f->near_one == near_one && f->below == below && f->t.code == t.code && f->t.bits == t.bits)
        return f->p;
    want.p = realloc(f->p, bytes + 1);
    if (!want.p)
        measure_die("memory");
    *f = want;
    fill_block(f->p, bytes, t, near_one, below, seed);
    return f->p;
}

void measure_forget(Measure *m)
{
    for (int i = 0; i < MEASURE_MAX_TENSORS; i++)
        free(m->filling[i].p);
    memset(m->filling, 0, sizeof m->filling);
}

static void fill(Measure *m, bool device, void *to, size_t bytes, DLDataType t, bool near_one, int64_t below, uint64_t seed)
{
    size_t piece = bytes < FILLING_BYTES ? bytes : FILLING_BYTES;
    const void *from = filling(m, piece, t, near_one, below, seed);
    if (!device) {
        for (size_t at = 0; at < bytes; at += piece)
            memcpy((char *)to + at, from, bytes - at < piece ? bytes - at : piece);
        return;
    }
    uint64_t p = (uint64_t)(uintptr_t)to;
    gpu_upload(m->gpu, p, from, piece);
    for (size_t at = piece; at < bytes; at += piece)
        gpu_copy(m->gpu, p + at, p, bytes - at < piece ? bytes - at : piece, m->stream);
    gpu_sync(m->gpu, m->stream);
}

/* NaN patterns; zero where counters are added to. */
static void clear(Measure *m, const Set *s, uint32_t i)
{
    bool counter = s->t[i].dtype.code == kDLInt;
    if (s->device)
        gpu_fill(m->gpu, (uint64_t)(uintptr_t)s->t[i].data, counter ? 0 : 0xffffffff, (s->bytes[i] + 255) / 256 * 256);
    else
        memset(s->t[i].data, counter ? 0 : 0xff, s->bytes[i]);
}

/* Strides of a tensor whose axes lie in the order that the case names; NULL where it names none of as many axes. */
static int64_t *strides_of(const Case *c, Set *s, uint32_t i, int rank)
{
    const char *order = measure_value(c, "order");
    int64_t step = 1;
    if (!order || (int)strlen(order) != rank)
        return NULL;
    for (int k = rank; k-- > 0;) {
        int axis = order[k] - '0';
        if (axis < 0 || axis >= rank || strchr(order, order[k]) != order + k) {
            fprintf(stderr, "%s: order wants each of the axes 0 to %d once\n", c->text, rank - 1);
            exit(2);
        }
        s->stride[i][axis] = step;
        step *= s->shape[i][axis];
    }
    return s->stride[i];
}

static void make_tensor(Measure *m, const Case *c, Set *s, uint32_t i)
{
    lgr_tensor_info info = lgr_kernel_tensor(c->k, i);
    size_t n = 1;
    char text[64];
    for (int d = 0; d < info.rank; d++) {
        lgr_kernel_extent(c->k, i, (uint32_t)d, text, sizeof text);
        n *= (size_t)(s->shape[i][d] = measure_extent(c, text));
    }
    DLDataType t = measure_dtype(c, info.type);
    s->bytes[i] = n * t.bits / 8;
    s->t[i] = (DLTensor){.data = take(m, s->device, s->bytes[i]), .device = {s->device ? kDLCUDA : kDLCPU, 0}, .ndim = info.rank, .dtype = t, .shape = s->shape[i],
                         .strides = strides_of(c, s, i, info.rank)};
    s->arg[i] = &s->t[i];
    if (!info.is_out)
        fill(m, s->device, s->t[i].data, s->bytes[i], t, info.rank == 1 && t.bits == 32 && strlen(info.type) > 1, measure_below(c), i);
    else
        clear(m, s, i);
}

void measure_clear(Measure *m, const Case *c, Set *s)
{
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++)
        if (s->arg[i] && lgr_kernel_tensor(c->k, i).is_out)
            clear(m, s, i);
}

/* Which tensors the options want is what the runtime says. */
static void settle_presence(Measure *m, const Case *c, Set *s)
{
    for (uint32_t tries = 0; tries <= lgr_kernel_tensors(c->k); tries++) {
        lgr_status st = lgr_workspace_size(m->ctx, &s->call, &s->work_bytes);
        if (st != LGR_ERROR_NULL)
            return;
        for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++)
            if (!strcmp(lgr_kernel_tensor(c->k, i).name, lgr_last_error()->argument))
                s->arg[i] = NULL;
    }
}

static void set_options(const Case *c, Set *s)
{
    for (uint32_t i = 0; i < lgr_kernel_options(c->k); i++) {
        uint32_t choices, def;
        const char *want = measure_value(c, lgr_kernel_option(c->k, i, &choices, &def));
        s->options[i] = (int32_t)def;
        for (uint32_t j = 0; want && j < choices; j++)
            if (!strcmp(lgr_kernel_option_choice(c->k, i, j), want))
                s->options[i] = (int32_t)j;
    }
    s->call.options = s->options;
    s->call.noptions = lgr_kernel_options(c->k);
}

bool measure_workspace(Measure *m, Set *s)
{
    size_t need = 0;
    if (lgr_workspace_size(m->ctx, &s->call, &need) != LGR_OK)
        return false;
    if (need > s->work_bytes || !s->work) {
        drop(m, s->device, s->work);
        s->work = need ? take(m, s->device, need) : NULL;
    }
    s->work_bytes = need > s->work_bytes ? need : s->work_bytes;
    s->call.workspace = s->work;
    s->call.workspace_size = s->work_bytes;
    return true;
}

void measure_set(Measure *m, bool device, const Case *c, Set *s)
{
    memset(s, 0, sizeof *s);
    s->device = device;
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++)
        make_tensor(m, c, s, i);
    s->call = (lgr_call){.size = sizeof s->call, .kernel = c->k, .tensors = s->arg, .ntensors = lgr_kernel_tensors(c->k), .stream = device ? m->stream : NULL};
    set_options(c, s);
    settle_presence(m, c, s);
    s->work_bytes = 0;
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++)
        if (!s->arg[i]) {
            drop(m, device, s->t[i].data);
            s->t[i].data = NULL;
            s->bytes[i] = 0;
        }
    if (!measure_workspace(m, s))
        measure_die(c->text);
}

void measure_free(Measure *m, Set *s)
{
    for (int i = 0; i < MEASURE_MAX_TENSORS; i++)
        drop(m, s->device, s->t[i].data);
    drop(m, s->device, s->work);
    memset(s, 0, sizeof *s);
}

static bool has_extent(const Case *c, const Set *s, uint32_t tensor, const char *extent)
{
    char own[64];
    for (int32_t d = 0; d < s->t[tensor].ndim; d++) {
        lgr_kernel_extent(c->k, tensor, (uint32_t)d, own, sizeof own);
        if (!strcmp(own, extent))
            return true;
    }
    return false;
}

/* Places of a table that are read: where no output and no list of indices is as long as the table, one for each index. */
static int64_t places_read(const Case *c, const Set *s, uint32_t table)
{
    char extent[64];
    int64_t indices = 0;
    lgr_kernel_extent(c->k, table, 0, extent, sizeof extent);
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++) {
        bool out = lgr_kernel_tensor(c->k, i).is_out, list = s->arg[i] && !out && s->t[i].dtype.code == kDLInt;
        if ((out || list) && s->arg[i] && has_extent(c, s, i, extent))
            return s->t[table].shape[0];
        indices = list && s->t[i].shape[0] > indices ? s->t[i].shape[0] : indices;
    }
    return indices && indices < s->t[table].shape[0] ? indices : s->t[table].shape[0];
}

size_t measure_bytes(const Case *c, const Set *s)
{
    size_t n = 0;
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++) {
        bool table = s->arg[i] && s->t[i].ndim > 1 && s->t[i].shape[0] > 0 && !lgr_kernel_tensor(c->k, i).is_out;
        n += table ? s->bytes[i] / (size_t)s->t[i].shape[0] * (size_t)places_read(c, s, i) : s->bytes[i];
    }
    return n;
}

/* ---- checking ---- */

double measure_element(const void *p, DLDataType t, size_t i)
{
    uint32_t u;
    float f;
    if (t.code == kDLInt) {
        int64_t v = 0;
        memcpy(&v, (const char *)p + i * t.bits / 8, t.bits / 8);
        return t.bits == 32 ? (double)(int32_t)v : (double)v;
    }
    if (t.bits == 32) {
        memcpy(&f, (const char *)p + 4 * i, 4);
        return (double)f;
    }
    uint16_t h = ((const uint16_t *)p)[i];
    if (t.code == kDLBfloat) {
        u = (uint32_t)h << 16;
        memcpy(&f, &u, 4);
        return (double)f;
    }
    int e = h >> 10 & 31;
    double v = e == 31 ? (h & 1023 ? NAN : INFINITY) : e ? ldexp(1 + (h & 1023) / 1024.0, e - 15) : ldexp(h & 1023, -24);
    return h & 0x8000 ? -v : v;
}

static uint16_t half_bits(double v)
{
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    int e;
    double a = fabs(v), m = frexp(a, &e);
    if (isnan(v))
        return 0x7e00;
    if (a < ldexp(1, -14))
        return sign | (uint16_t)nearbyint(ldexp(a, 24));
    double bits = ldexp(e + 14, 10) + nearbyint((m * 2 - 1) * 1024);
    return sign | (uint16_t)(bits > 0x7c00 ? 0x7c00 : bits);
}

static uint16_t brain_bits(double v)
{
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    return (uint16_t)(isnan(v) ? 0x7fc0 : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void measure_encode(void *p, DLDataType t, size_t i, double v)
{
    float f = (float)v;
    int64_t whole = t.code == kDLFloat || t.code == kDLBfloat ? 0 : (int64_t)v;
    if (t.code == kDLFloat && t.bits == 32)
        memcpy((char *)p + 4 * i, &f, 4);
    else if (t.code == kDLFloat || t.code == kDLBfloat)
        ((uint16_t *)p)[i] = t.code == kDLBfloat ? brain_bits(v) : half_bits(v);
    else
        memcpy((char *)p + i * t.bits / 8, &whole, t.bits / 8);
}

/* Elements from..from+n as numbers. */
static void widen(double *to, const void *p, DLDataType t, size_t from, size_t n)
{
    const uint16_t *h = (const uint16_t *)p + from;
    if (t.code != kDLBfloat) {
        for (size_t i = 0; i < n; i++)
            to[i] = measure_element(p, t, from + i);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t u = (uint32_t)h[i] << 16;
        float f;
        memcpy(&f, &u, 4);
        to[i] = (double)f;
    }
}

static double relative(const void *got, const void *want, DLDataType t, size_t n)
{
    enum { AT_ONCE = 512 };
    double a[AT_ONCE], w[AT_ONCE], d = 0, s = 0;
    for (size_t from = 0; from < n; from += AT_ONCE) {
        size_t m = n - from < AT_ONCE ? n - from : AT_ONCE;
        widen(a, got, t, from, m);
        widen(w, want, t, from, m);
        for (size_t i = 0; i < m; i++) {
            d += (a[i] - w[i]) * (a[i] - w[i]);
            s += w[i] * w[i];
        }
    }
    return s > 0 ? sqrt(d / s) : sqrt(d);
}

void measure_host_results(Measure *m, const Case *c, Set *host)
{
    measure_set(m, false, c, host);
    if (lgr_launch(m->ctx, &host->call) != LGR_OK)
        measure_die(c->text);
}

double measure_compare(Measure *m, const Case *c, const Set *dev, const Set *host)
{
    double worst = 0;
    for (uint32_t i = 0; i < lgr_kernel_tensors(c->k); i++) {
        if (!host->arg[i] || !lgr_kernel_tensor(c->k, i).is_out)
            continue;
        void *got = malloc(host->bytes[i] + 1);
        if (dev->device)
            gpu_download(m->gpu, got, (uint64_t)(uintptr_t)dev->t[i].data, host->bytes[i]);
        else
            memcpy(got, dev->t[i].data, host->bytes[i]);
        double r = relative(got, host->t[i].data, host->t[i].dtype, host->bytes[i] * 8 / host->t[i].dtype.bits);
        if (r > worst || isnan(r)) {
            worst = r;
            m->worst = lgr_kernel_tensor(c->k, i).name;
            m->got = measure_element(got, host->t[i].dtype, 0);
            m->want = measure_element(host->t[i].data, host->t[i].dtype, 0);
        }
        free(got);
    }
    return worst;
}

/* ---- timing ---- */

int measure_sets_for(size_t bytes)
{
    int sets = (int)(400e6 / (double)(bytes ? bytes : 1)) + 1;
    return sets < 2 ? 2 : sets > MEASURE_MAX_SETS ? MEASURE_MAX_SETS : sets;
}

int measure_launches_for(size_t bytes, int sets)
{
    int launches = (int)(3e9 / (double)(bytes ? bytes : 1));
    launches = launches > 48 ? 48 : launches;
    return launches < sets ? sets : launches / sets * sets;
}

GpuGraph measure_graph(Measure *m, Set *s, int sets, int launches)
{
    gpu_capture_begin(m->gpu, m->stream);
    for (int i = 0; i < launches; i++)
        if (lgr_launch(m->ctx, &s[i % sets].call) != LGR_OK)
            measure_die("capture");
    return gpu_capture_end(m->gpu, m->stream);
}

void measure_times(Measure *m, const GpuGraph *g, int n, int rounds, int launches, double *us)
{
    double *t = malloc(sizeof *t * (size_t)(n * rounds));
    for (int r = -2; r < rounds; r++)
        for (int i = 0; i < n; i++) {
            double one = gpu_time_graph(m->gpu, g[i], m->stream) / launches;
            if (r >= 0)
                t[i * rounds + r] = one;
        }
    for (int i = 0; i < n; i++)
        us[i] = measure_median(&t[i * rounds], rounds);
    free(t);
}

double measure_copy(Measure *m, size_t bytes)
{
    char text[96];
    Case c;
    Set s[MEASURE_MAX_SETS];
    int sets = measure_sets_for(bytes), launches = measure_launches_for(bytes, sets);
    double us[2];
    const lgr_kernel *k;
    int64_t rows = (int64_t)(bytes / 2 / 2 / 4096), n = 4096;
    if (rows < 1) {
        rows = 1;
        n = (int64_t)(bytes / 4 / 8 * 8);
    }
    if (lgr_kernel_find(m->ctx, "copy", "forward", &k) != LGR_OK)
        return 0;
    snprintf(text, sizeof text, "copy.forward:M=%lld,N=%lld,T=bf16", (long long)rows, (long long)(n < 8 ? 8 : n));
    if (!measure_parse(m, text, &c))
        return 0;
    for (int i = 0; i < sets; i++) {
        measure_set(m, true, &c, &s[i]);
        if (lgr_prepare(m->ctx, &s[i].call) != LGR_OK)
            measure_die("copy");
    }
    GpuGraph g[2] = {measure_graph(m, s, sets, launches), NULL};
    gpu_capture_begin(m->gpu, m->stream);
    for (int i = 0; i < launches; i++)
        gpu_copy(m->gpu, (uint64_t)(uintptr_t)s[i % sets].t[1].data, (uint64_t)(uintptr_t)s[i % sets].t[0].data, s[0].bytes[0], m->stream);
    g[1] = gpu_capture_end(m->gpu, m->stream);
    measure_times(m, g, 2, MEASURE_ROUNDS, launches, us);
    for (int i = 0; i < 2; i++)
        gpu_graph_free(m->gpu, g[i]);
    for (int i = 0; i < sets; i++)
        measure_free(m, &s[i]);
    return us[0] < us[1] ? us[0] : us[1];
}

enum { HOST_ROUNDS = 31 };       /* processors are shared: turn and turn about, and many */

double measure_host_launch(Measure *m, Set *s)
{
    double t0 = measure_now_us();
    if (lgr_launch(m->ctx, &s->call) != LGR_OK)
        measure_die("launch");
    return measure_now_us() - t0;
}

/* Operands of a copy that moves so many bytes; false: there is no copy in the packs. */
static bool host_copy_set(Measure *m, size_t bytes, Set *s)
{
    char text[96];
    Case c;
    const lgr_kernel *k;
    long long rows = (long long)(bytes / 2 / 4 / 4096);
    if (lgr_kernel_find(m->ctx, "copy", "forward", &k) != LGR_OK)
        return false;
    snprintf(text, sizeof text, "copy.forward:M=%lld,N=%lld,T=f32", rows ? rows : 1, rows ? 4096ll : (long long)(bytes / 8 > 0 ? bytes / 8 : 1));
    if (!measure_parse(m, text, &c))
        return false;
    measure_set(m, false, &c, s);
    return true;
}

double measure_host_beside(Measure *m, Set *ours, size_t bytes, double *copy)
{
    Set s;
    double t[2][HOST_ROUNDS];
    bool have = host_copy_set(m, bytes, &s);
    for (int r = -1; r < HOST_ROUNDS; r++)
        for (int i = 0; i < 1 + have; i++) {
            double us = measure_host_launch(m, i ? &s : ours);
            t[i][r < 0 ? 0 : r] = us;
        }
    *copy = have ? measure_median(t[1], HOST_ROUNDS) : 0;
    if (have)
        measure_free(m, &s);
    return measure_median(t[0], HOST_ROUNDS);
}

double measure_host_copy(Measure *m, size_t bytes)
{
    Set s;
    double t[MEASURE_ROUNDS];
    if (!host_copy_set(m, bytes, &s))
        return 0;
    measure_host_launch(m, &s);
    for (int r = 0; r < MEASURE_ROUNDS; r++)
        t[r] = measure_host_launch(m, &s);
    measure_free(m, &s);
    return measure_median(t, MEASURE_ROUNDS);
}
