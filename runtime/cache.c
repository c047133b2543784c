/* cache.c: machine code that the driver made from PTX, kept on disk: content-addressed plain files, written whole and renamed.
 *
 * A file that is short, damaged, not ours or not readable is a miss.  The directory is made 0700 and must be owned by this user.
 */
#include "lgr_int.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct Entry { char magic[8]; uint64_t size; uint64_t digest[2], key[2]; } Entry;

static bool path_of(lgr_context *ctx, char *path, size_t n)
{
    const char *dir = ctx->config.cache_dir, *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int len = 0;
    if (dir)
        len = snprintf(path, n, "%s", dir);
    else if (xdg && *xdg == '/')
        len = snprintf(path, n, "%s/liger", xdg);
    else if (home && *home)
        len = snprintf(path, n, "%s/.cache/liger", home);
    return len > 0 && (size_t)len < n;
}

static int open_dir(lgr_context *ctx)
{
    char path[1024];
    struct stat st;
    if (!path_of(ctx, path, sizeof path))
        return -1;
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(path, 0700);
            *p = '/';
        }
    mkdir(path, 0700);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 077)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static XXH128_hash_t key_of(const void *ptx, size_t n, int sm) { return XXH3_128bits_withSeed(ptx, n, (XXH64_hash_t)sm); }

static void name_of(XXH128_hash_t k, char *name) { sprintf(name, "%016llx%016llx", (unsigned long long)k.high64, (unsigned long long)k.low64); }

static bool read_all(int fd, void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, (char *)p + at, n - at);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, (const char *)p + at, n - at);
        if (put <= 0)
            return false;
        at += (size_t)put;
    }
    return true;
}

bool lgr__cache_get(lgr_context *ctx, const void *ptx, size_t n, int sm, void **code, size_t *size)
{
    XXH128_hash_t k = key_of(ptx, n, sm);
    char name[40];
    Entry e;
    bool ok = false;
    int dir = open_dir(ctx);
    name_of(k, name);
    int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && read_all(fd, &e, sizeof e) && !memcmp(e.magic, "LGRCODE1", 8) && e.key[0] == k.low64 && e.key[1] == k.high64 && e.size < 1u << 28) {
        *code = lgr__alloc(ctx, e.size + 1);
        XXH128_hash_t d = {0, 0};
        if (*code && read_all(fd, *code, e.size))
            d = XXH3_128bits(*code, e.size);
        ok = *code && d.low64 == e.digest[0] && d.high64 == e.digest[1];
        *size = e.size;
        if (ok)
            futimens(fd, NULL);                /* the least recently used goes first */
        else
            lgr__release(ctx, *code);
    }
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return ok;
}

typedef struct Scan { uint64_t total; time_t when; char oldest[33]; } Scan;

/* One look over the directory: the entries' bytes and the oldest. What a killed writer left behind goes after an hour. */
static bool scan(int dir, Scan *s)
{
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    if (!d) {
        if (again >= 0)
            close(again);
        return false;
    }
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (strlen(e->d_name) < 32 || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        if (e->d_name[32]) {
            if (e->d_name[32] == '.' && st.st_mtime + 3600 < time(NULL))
                unlinkat(dir, e->d_name, 0);
            continue;
        }
        s->total += (uint64_t)st.st_size;
        if (!s->oldest[0] || st.st_mtime < s->when) {
            s->when = st.st_mtime;
            memcpy(s->oldest, e->d_name, 33);
        }
    }
    closedir(d);
    return true;
}

/* Removes the oldest entries until the rest and `more` bytes fit the limit; false when `more` alone does not. */
static bool make_room(lgr_context *ctx, int dir, uint64_t more)
{
    uint64_t limit = ctx->config.cache_limit ? ctx->config.cache_limit : 256ull << 20;
    for (int round = 0; more <= limit && round < 1000; round++) {
        Scan s = {.total = more};
        if (!scan(dir, &s) || s.total <= limit)
            return true;
        unlinkat(dir, s.oldest, 0);
    }
    return false;
}

void lgr__cache_put(lgr_context *ctx, const void *ptx, size_t n, int sm, const void *code, size_t size)
{
    XXH128_hash_t k = key_of(ptx, n, sm), d = XXH3_128bits(code, size);
    Entry e = {"", size, {d.low64, d.high64}, {k.low64, k.high64}};
    char name[40], temp[96];
    int dir = open_dir(ctx);
    if (dir < 0)
        return;
    memcpy(e.magic, "LGRCODE1", 8);
    name_of(k, name);
    snprintf(temp, sizeof temp, "%s.%ld.%lx", name, (long)getpid(), (unsigned long)(uintptr_t)&e);
    int fd = !make_room(ctx, dir, size + sizeof e) ? -1 : openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool ok = write_all(fd, &e, sizeof e) && write_all(fd, code, size);
        ok = !close(fd) && ok;
        if (!ok || renameat(dir, temp, dir, name))
            unlinkat(dir, temp, 0);
    }
    close(dir);
}

int64_t lgr__cache_walk(lgr_context *ctx, char *path, size_t room, bool remove, void (*each)(void *self, const char *name, uint64_t bytes, int64_t when), void *self)
{
    int64_t n = 0;
    if (!path_of(ctx, path, room))
        return -1;
    int dir = open_dir(ctx), again = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (strlen(e->d_name) < 32 || strspn(e->d_name, "0123456789abcdef") < 32 || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        if (remove && unlinkat(dir, e->d_name, 0))
            continue;
        n += !e->d_name[32];
        if (!e->d_name[32] && each)
            each(self, e->d_name, (uint64_t)st.st_size, (int64_t)st.st_mtime);
    }
    if (d)
        closedir(d);
    else if (again >= 0)
        close(again);
    if (dir >= 0)
        close(dir);
    return d ? n : -1;
}
