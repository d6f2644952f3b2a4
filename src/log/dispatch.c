/* Which handler answers which request key. */
#include "log/broker.h"

static const struct {
    int16_t key;
    hw_api_handler handler;
} handlers[] = {
    {0, hw_api_produce},          {1, hw_api_fetch},            {2, hw_api_list_offsets},
    {3, hw_api_metadata},         {8, hw_api_offset_commit},    {9, hw_api_offset_fetch},
    {10, hw_api_find_coordinator}, {11, hw_api_join_group},     {12, hw_api_heartbeat},
    {13, hw_api_leave_group},     {14, hw_api_sync_group},      {15, hw_api_describe_groups},
    {16, hw_api_list_groups},     {18, hw_api_versions},        {19, hw_api_create_topics},
    {20, hw_api_delete_topics},   {21, hw_api_delete_records},  {22, hw_api_init_producer_id},
    {23, hw_api_offset_for_leader_epoch}, {32, hw_api_describe_configs}, {33, hw_api_alter_configs},
    {35, hw_api_describe_log_dirs}, {37, hw_api_create_partitions}, {42, hw_api_delete_groups},
    {44, hw_api_incremental_alter_configs}, {47, hw_api_offset_delete}, {60, hw_api_describe_cluster},
};

void hw_dispatch(struct hw_request *request) {
    for (size_t i = 0; i < HW_ARRAY_SIZE(handlers); i++) {
        if (handlers[i].key == request->api->key) {
            handlers[i].handler(request);
            return;
        }
    }
    __builtin_trap(); /* every row of hw_kafka_apis has a handler: test_groups sees to it */
}
