SELECT analyze_grown() AS grown
