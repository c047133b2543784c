/* cmd_doctor.c: `ligerc doctor`: what is found on this machine; `ligerc cache`: the folder of code made at run time. */
#include "gpu.h"
#include "lgr_int.h"
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the cache ---- */

static void put_bytes(uint64_t n)
{
    if (n < 10240)
        printf("%" PRIu64 " bytes", n);
    else if (n < 10u << 20)
        printf("%.1f KiB", (double)n / 1024);
    else
        printf("%.1f MiB", (double)n / (1 << 20));
}

static void add_entry(void *self, const char *name, uint64_t bytes, int64_t when)
{
    (void)name, (void)when;
    *(uint64_t *)self += bytes;
}

static void list_entry(void *self, const char *name, uint64_t bytes, int64_t when)
{
    char text[32];
    time_t t = (time_t)when;
    struct tm tm;
    add_entry(self, name, bytes, when);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", localtime_r(&t, &tm));
    printf("%s  %10" PRIu64 "  used %s\n", name, bytes, text);
}

/* One line: where, how many, how much. */
static int show_cache(const char *what, const char *prefix)
{
    lgr_context *ctx = NULL;
    char path[1024] = "";
    uint64_t bytes = 0;
    bool clear = !strcmp(what, "clear");
    int64_t n = lgr_context_create(NULL, &ctx) == LGR_OK ? lgr__cache_walk(ctx, path, sizeof path, clear, strcmp(what, "list") ? add_entry : list_entry, &bytes) : -1;
    lgr_context_destroy(ctx);
    if (n < 0)
        return EXIT_FILE;
    printf("%s%s: %" PRId64 " entries, ", prefix, path, n);
    put_bytes(bytes);
    printf("%s\n", clear ? " removed" : " of 256 MiB");
    return EXIT_DONE;
}

int cmd_cache(const Options *o)
{
    const char *what = o->nfiles ? o->files[0] : "size";
    if (o->nfiles > 1 || (strcmp(what, "list") && strcmp(what, "size") && strcmp(what, "clear"))) {
        fprintf(stderr, "ligerc: cache: wanted one of: %s\n", command_find(o->command)->values);
        return EXIT_USAGE;
    }
    int status = show_cache(what, "");
    if (status != EXIT_DONE)
        fprintf(stderr, "ligerc: cache: the folder cannot be used: it must be this user's own, with no rights for others\n");
    return status;
}

/* ---- the machine ---- */

static void show_ptxas(void)
{
    const char *path = ll_ptxas_path();
    char line[256], command[4200], version[64] = "";
    if (!path) {
        printf("ptxas     not found: packs hold PTX, which the driver compiles once (install the CUDA toolkit, or set LGR_PTXAS)\n");
        return;
    }
    snprintf(command, sizeof command, "'%s' --version", path);
    FILE *f = strchr(path, '\'') ? NULL : popen(command, "r");
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "release "))
            sscanf(strstr(line, "release "), "release %63[^,\n]", version);
    if (f)
        pclose(f);
    printf("ptxas     %s%s%s\n", path, *version ? ", CUDA " : "", version);
}

static void show_gpu(void)
{
    GpuProbe g;
    char name[16];
    bool found = gpu_probe(&g);
    if (g.driver)
        printf("driver    CUDA %d.%d\n", g.driver / 1000, g.driver % 1000 / 10);
    if (!found) {
        printf("GPU       none: %s; kernels run on the host, and on sim\n", g.why);
        return;
    }
    snprintf(name, sizeof name, "sm_%d", g.sm);
    const Target *t = target_for_chip(name);
    printf("GPU       %s, %s, %.0f GiB%s: %s%s\n", g.name, name, (double)g.memory / (1u << 30), g.count > 1 ? ", the first of several" : "", t ? "target " : "no target of ligerc runs there", t ? t->name : "");
}

int cmd_doctor(const Options *o)
{
    char version[64], cpu[64];
    (void)o;
    ll_describe(version, cpu, sizeof cpu);
    printf("ligerc    " LIGERC_VERSION ", packs of format %d\n", (int)LGK_VERSION);
    printf("LLVM      %s\n", version);
    printf("host      %s, %ld processors\n", cpu, sysconf(_SC_NPROCESSORS_ONLN));
    show_ptxas();
    show_gpu();
    if (show_cache("size", "cache     ") != EXIT_DONE)
        printf("cache     none: the folder must be this user's own, with no rights for others\n");
    return EXIT_DONE;
}
