/* ll_ptxas.c: runs the PTX assembler of a CUDA toolkit, where there is one.
 *
 * In: PTX text and a target.  Out: the cubin's bytes and, for each kernel, what `ptxas -v` says of registers and spills.
 * Files live in a private folder that is removed before returning; the assembler is started without a shell.
 */
#include <fcntl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ll.h"

enum { PATH_CAP = 4096 };

typedef struct Found { char path[PATH_CAP]; bool is; } Found;

static bool try_path(Found *f, const char *dir, size_t n)
{
    int len = snprintf(f->path, sizeof f->path, "%.*s/ptxas", (int)n, dir);
    f->is = len > 0 && (size_t)len < sizeof f->path && !access(f->path, X_OK);
    return f->is;
}

static void search(Found *f)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        if (n && try_path(f, path, n))
            return;
        path += n + (path[n] == ':');
    }
    try_path(f, "/usr/local/cuda/bin", 19);
}

/* Searched once; the place of a program does not change while we run. */
static Found found;
static void search_once(void) { search(&found); }

const char *ll_ptxas_path(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *asked = getenv("LGR_PTXAS");
    if (asked && *asked)
        return access(asked, X_OK) ? NULL : asked;
    pthread_once(&once, search_once);
    return found.is ? found.path : NULL;
}

typedef struct Work { char dir[PATH_CAP], ptx[PATH_CAP + 16], cubin[PATH_CAP + 16], log[PATH_CAP + 16]; } Work;

static bool open_work(Work *w)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(w->dir, sizeof w->dir, "%s/lgr-ptxas-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof w->dir || !mkdtemp(w->dir))
        return false;
    snprintf(w->ptx, sizeof w->ptx, "%s/in.ptx", w->dir);
    snprintf(w->cubin, sizeof w->cubin, "%s/out.cubin", w->dir);
    snprintf(w->log, sizeof w->log, "%s/log", w->dir);
    return true;
}

static void close_work(Work *w)
{
    unlink(w->ptx);
    unlink(w->cubin);
    unlink(w->log);
    rmdir(w->dir);
}

static bool write_file(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "wbe");
    if (!f)
        return false;
    bool good = fwrite(p, 1, n, f) == n;
    return fclose(f) == 0 && good;
}

static bool read_file(const char *path, Buf *b)
{
    char chunk[16384];
    FILE *f = fopen(path, "rbe");
    if (!f)
        return false;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(b, chunk, n);
    bool good = !ferror(f);
    fclose(f);
    return good && !b->failed;
}

static void child(const char *ptxas, const Work *w, const char *arch)
{
    int log = open(w->log, O_WRONLY | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_RDONLY);
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(127);
    execl(ptxas, ptxas, "-v", arch, w->ptx, "-o", w->cubin, (char *)NULL);
    _exit(127);
}

/* Exit status of the assembler, -1 when it could not be run. */
static int assemble(const char *ptxas, const Work *w, const Target *t)
{
    char arch[32];
    int status;
    snprintf(arch, sizeof arch, "-arch=%s", t->cpu);
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (!pid)
        child(ptxas, w, arch);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the log ---- */

static const char *line_end(const char *p) { return p + strcspn(p, "\n"); }

static bool has(const char *p, const char *end, const char *what)
{
    const char *at = strstr(p, what);
    return at && at < end;
}

static void parse_entry(const char *p, LlAsmInfo *x)
{
    const char *name = strchr(p, '\'') + 1;
    size_t n = strcspn(name, "'\n");
    *x = (LlAsmInfo){0};
    snprintf(x->symbol, sizeof x->symbol, "%.*s", (int)n, name);
}

static void parse_used(const char *p, const char *end, LlAsmInfo *x)
{
    const char *smem = strstr(p, " bytes smem");
    sscanf(strstr(p, "Used "), "Used %d", &x->regs);
    if (!smem || smem > end)
        return;
    while (smem > p && smem[-1] >= '0' && smem[-1] <= '9')
        smem--;
    x->smem = atoi(smem);
}

static uint32_t parse_log(const char *p, LlAsmInfo *info, uint32_t max)
{
    uint32_t n = 0;
    for (; *p; p = *line_end(p) ? line_end(p) + 1 : line_end(p)) {
        const char *end = line_end(p);
        if (has(p, end, "Compiling entry function '")) {
            if (n == max)
                break;
            parse_entry(p, &info[n++]);
        } else if (n && has(p, end, "bytes stack frame"))
            sscanf(p, " %d bytes stack frame, %d bytes spill stores, %d bytes spill loads", &info[n - 1].stack, &info[n - 1].spill_stores,
                   &info[n - 1].spill_loads);
        else if (n && has(p, end, "Used "))
            parse_used(p, end, &info[n - 1]);
    }
    return n;
}

static bool finish(int rc, const Work *w, Buf *log, Buf *cubin, const Target *t, Diag *d)
{
    if (rc == 0 && read_file(w->cubin, cubin))
        return true;
    buf_put(log, "", 1);
    const char *text = log->p && *log->p ? log->p : "no message";
    diag_report(d, DIAG_ERROR, LG_PTXAS, (Span){0}, "ptxas for %s: %.*s", t->name, (int)strcspn(text, "\n"), text);
    return false;
}

bool ll_ptxas(const char *ptx, size_t n, const Target *t, Buf *cubin, LlAsmInfo *info, uint32_t max, uint32_t *ninfo, Diag *d)
{
    Work w;
    Buf log = {0};
    const char *ptxas = ll_ptxas_path();
    if (ninfo)
        *ninfo = 0;
    if (!ptxas || !open_work(&w)) {
        diag_report(d, DIAG_ERROR, LG_PTXAS, (Span){0}, ptxas ? "no folder for temporary files" : "ptxas was not found: set LGR_PTXAS or PATH");
        return false;
    }
    int rc = write_file(w.ptx, ptx, n) ? assemble(ptxas, &w, t) : -1;
    read_file(w.log, &log);
    bool good = finish(rc, &w, &log, cubin, t, d);
    if (good && info && log.p) {
        buf_put(&log, "", 1);
        uint32_t rows = log.failed ? 0 : parse_log(log.p, info, max);
        if (ninfo)
            *ninfo = rows;
    }
    buf_free(&log);
    close_work(&w);
    return good;
}
