qos_profile_sensor_data = None
