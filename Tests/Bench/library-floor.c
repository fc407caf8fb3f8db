// The least that a program with gantryd's libraries can be: opens what the daemon opens, prints its memory, ends.
// The floor of the daemon's idle memory; built and run by measure.py where there is a C compiler.
#include <libvirt/libvirt.h>
#include <libxml/parser.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <yaml.h>

int main(void) {
    virEventRegisterDefaultImpl();
    virConnectPtr connection = virConnectOpen("test:///default");
    sqlite3 *database = NULL;
    sqlite3_open(":memory:", &database);
    sqlite3_exec(database, "CREATE TABLE t (a)", NULL, NULL, NULL);
    xmlDocPtr document = xmlReadMemory("<a/>", 4, "", NULL, 0);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest("a", 1, digest, &length, EVP_sha256(), NULL);
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    sd_notify(0, "STATUS=");
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            fputs(line, stdout);
        }
    }
    return connection == NULL || document == NULL || database == NULL;
}
